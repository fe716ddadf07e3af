"""Mixture of experts: a network for each view, and a gate that reads all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from polyrec.contracts import part
from polyrec.fuse.trained import Projections, TrainedFuser, masked_softmax


@part
class MixtureOfExperts(TrainedFuser):
    """sum_m s_m e_m, e_m = z_m + MLP_m(z_m), s = softmax(U [z_1; ...; z_M]) over the present views.

    A dense mixture (Jacobs et al., Neural Computation 1991) with one expert per modality.

    >>> MixtureOfExperts(dim=8).dim
    8
    """

    def build(self, widths: Mapping[str, int]) -> nn.Module:
        """Return the untrained network."""
        return _Mixture(widths, self.dim)


class _Mixture(nn.Module):
    def __init__(self, widths: Mapping[str, int], dim: int) -> None:
        super().__init__()
        self.project = Projections(widths, dim)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(dim, 2 * dim), nn.ReLU(), nn.Linear(2 * dim, dim))
            for _ in widths
        )
        self.gate = nn.Linear(dim * len(widths), len(widths))

    def forward(self, rows: Mapping[str, Any], present: Any) -> Any:
        """Return (b, dim)."""
        states = self.project(rows)  # (b, m, dim)
        outputs = torch.stack([e(states[:, i]) for i, e in enumerate(self.experts)], dim=1)
        scores = self.gate((states * present[:, :, None]).flatten(1))
        return (masked_softmax(scores, present)[:, :, None] * (states + outputs)).sum(dim=1)
