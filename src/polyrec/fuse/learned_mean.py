"""Weighted mean of projected views, with weights learned on the simplex."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from polyrec.contracts import part
from polyrec.fuse.trained import Projections, TrainedFuser, masked_softmax


@part
class LearnedMean(TrainedFuser):
    """sum_m w_m P_m x_m over the present views, w = softmax(a) over them, the same for all items.

    >>> LearnedMean(dim=8).epochs
    60
    """

    def build(self, widths: Mapping[str, int]) -> nn.Module:
        """Return the untrained network."""
        return _Mean(widths, self.dim)


class _Mean(nn.Module):
    def __init__(self, widths: Mapping[str, int], dim: int) -> None:
        super().__init__()
        self.project = Projections(widths, dim)
        self.weights = nn.Parameter(torch.zeros(len(widths)))

    def forward(self, rows: Mapping[str, Any], present: Any) -> Any:
        """Return (b, dim)."""
        shares = masked_softmax(self.weights.expand(present.shape), present)
        return (shares[:, :, None] * self.project(rows)).sum(dim=1)
