"""Low-rank products between views."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from polyrec.contracts import part
from polyrec.fuse.trained import TrainedFuser


@part
class Bilinear(TrainedFuser):
    """sum_r w_r prod_m W_m^r [x_m; 1] + sum_m P_m x_m, an absent view's factor being 1.

    Low-rank multimodal fusion (Liu et al., ACL 2018), with the plain sum beside the products.

    >>> Bilinear(dim=8).rank
    4
    """

    rank: int = 4

    def build(self, widths: Mapping[str, int]) -> nn.Module:
        """Return the untrained network."""
        return _Bilinear(widths, self.dim, self.rank)


class _Bilinear(nn.Module):
    def __init__(self, widths: Mapping[str, int], dim: int, rank: int) -> None:
        super().__init__()
        self.dim, self.rank = dim, rank
        self.factors = nn.ModuleDict(
            {f"view_{n}": nn.Linear(width, dim * rank) for n, width in widths.items()}
        )
        self.linear = nn.ModuleDict({f"view_{n}": nn.Linear(w, dim) for n, w in widths.items()})
        for layer in self.factors.values():
            nn.init.ones_(layer.bias)
        self.rank_weights = nn.Parameter(torch.full((rank,), 1 / rank))

    def forward(self, rows: Mapping[str, Any], present: Any) -> Any:
        """Return (b, dim)."""
        product = torch.ones(len(present), self.rank, self.dim, device=present.device)
        total = torch.zeros(len(present), self.dim, device=present.device)
        for i, (name, values) in enumerate(rows.items()):
            mask = present[:, i, None]
            factor = self.factors[f"view_{name}"](values).reshape(-1, self.rank, self.dim)
            product = torch.where(mask[:, :, None], product * factor, product)
            total = total + mask * self.linear[f"view_{name}"](values)
        weighted = (product - 1) * self.rank_weights[:, None]  # 0 where nothing is present
        return weighted.sum(dim=1) + total
