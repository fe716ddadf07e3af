"""Products between views: what only their combination tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from polyrec.fuse.trained import TrainedFuser


@dataclass
class Bilinear(TrainedFuser):
    """sum_r w_r prod_m W_m^r [x_m; 1] + sum_m P_m x_m, an absent view's factor being 1.

    Low-rank multimodal fusion (Liu et al., ACL 2018), with the plain sum beside the products.

    >>> Bilinear(dim=8).rank
    4
    """

    rank: int = 4

    def build(self, widths: Mapping[str, int]) -> Any:
        """Return the untrained network."""
        return _Bilinear(widths, self.dim, self.rank)


class _Bilinear(nn.Module):
    def __init__(self, widths: Mapping[str, int], dim: int, rank: int) -> None:
        super().__init__()
        self.dim, self.rank = dim, rank
        self.factors = nn.ModuleDict(
            {f"view_{n}": nn.Linear(width, dim * rank) for n, width in widths.items()}
        )
        self.plain = nn.ModuleDict({f"view_{n}": nn.Linear(w, dim) for n, w in widths.items()})
        for layer in self.factors.values():
            nn.init.ones_(layer.bias)
        self.weigh = nn.Parameter(torch.full((rank,), 1 / rank))

    def forward(self, rows: Mapping[str, Any], present: Any) -> Any:
        """Return (b, dim)."""
        product = torch.ones(len(present), self.rank, self.dim, device=present.device)
        total = torch.zeros(len(present), self.dim, device=present.device)
        for place, (name, values) in enumerate(rows.items()):
            here = present[:, place, None]
            factor = self.factors[f"view_{name}"](values).reshape(-1, self.rank, self.dim)
            product = torch.where(here[:, :, None], product * factor, product)
            total = total + here * self.plain[f"view_{name}"](values)
        mixed = (product - 1) * self.weigh[:, None]  # nothing present, nothing said
        return mixed.sum(dim=1) + total
