"""Gated units: a sigmoid gate on every number of every view, computed from all views."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from polyrec.contracts import part
from polyrec.fuse.trained import Projections, TrainedFuser


@part
class Gate(TrainedFuser):
    """sum_m g_m * tanh(P_m x_m), g_m = sigmoid(U_m [x_1; ...; x_M]), absent views being 0.

    Gated multimodal units (Arevalo et al., ICLR workshop 2017).

    >>> Gate(dim=8).dim
    8
    """

    def build(self, widths: Mapping[str, int]) -> nn.Module:
        """Return the untrained network."""
        return _Gate(widths, self.dim)


class _Gate(nn.Module):
    def __init__(self, widths: Mapping[str, int], dim: int) -> None:
        super().__init__()
        self.project = Projections(widths, dim)
        self.gate = nn.Linear(dim * len(widths), dim * len(widths))

    def forward(self, rows: Mapping[str, Any], present: Any) -> Any:
        """Return (b, dim)."""
        states = torch.tanh(self.project(rows)) * present[:, :, None]  # (b, m, dim)
        gates = torch.sigmoid(self.gate(states.flatten(1))).reshape(states.shape)
        return (gates * states).sum(dim=1)
