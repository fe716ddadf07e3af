"""Softmax attention over an item's views."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from polyrec.contracts import part
from polyrec.fuse.trained import Projections, TrainedFuser, masked_softmax


@part
class Attention(TrainedFuser):
    """sum_m a_m z_m, z_m = P_m x_m, a = softmax(v' tanh(W z_m)) over the present views.

    Additive attention (Bahdanau et al., ICLR 2015) over modalities.

    >>> Attention(dim=8).dropout
    0.3
    """

    def build(self, widths: Mapping[str, int]) -> nn.Module:
        """Return the untrained network."""
        return _Attention(widths, self.dim)


class _Attention(nn.Module):
    def __init__(self, widths: Mapping[str, int], dim: int) -> None:
        super().__init__()
        self.project = Projections(widths, dim)
        self.hidden = nn.Linear(dim, dim)
        self.score = nn.Linear(dim, 1, bias=False)
        self.prior = nn.Parameter(torch.zeros(len(widths)))

    def forward(self, rows: Mapping[str, Any], present: Any) -> Any:
        """Return (b, dim)."""
        states = self.project(rows)  # (b, m, dim)
        scores = self.score(torch.tanh(self.hidden(states)))[:, :, 0] + self.prior
        return (masked_softmax(scores, present)[:, :, None] * states).sum(dim=1)
