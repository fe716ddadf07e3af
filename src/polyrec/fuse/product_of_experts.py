"""Product of experts: views weighted by their precision, with an uncertainty per item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from polyrec.contracts import part
from polyrec.fuse.normalize import normalize_views
from polyrec.fuse.trained import Projections, TrainedFuser
from polyrec.types import Floats, Views


@part
class ProductOfExperts(TrainedFuser):
    """sum_m t_m mu_m / (1 + sum_m t_m): Gaussian experts N(mu_m, 1 / t_m) times the prior N(0, 1).

    mu_m and log t_m are linear in x_m (Wu & Goodman, NeurIPS 2018); an absent view has precision 0,
    so missing ones need no mask. `uncertainty` returns the posterior variance.

    >>> ProductOfExperts(dim=8).dim
    8
    """

    def build(self, widths: Mapping[str, int]) -> nn.Module:
        """Return the untrained network."""
        return _Product(widths, self.dim)

    def uncertainty(self, views: Views) -> Floats:
        """Return (n,) the mean variance of an item's numbers: 1 without any view."""
        units = normalize_views(views, self.widths_)
        present = np.stack([units[name].present for name in self.widths_], axis=1)
        inputs = {name: torch.from_numpy(units[name].vectors) for name in self.widths_}
        with torch.inference_mode():
            _, precision = self.network.experts(inputs, torch.from_numpy(present))
            variance: Floats = (1 / (1 + precision.sum(dim=1))).mean(dim=1).numpy()
        return variance


class _Product(nn.Module):
    def __init__(self, widths: Mapping[str, int], dim: int) -> None:
        super().__init__()
        self.means = Projections(widths, dim)
        self.precisions = Projections(widths, dim)

    def experts(self, rows: Mapping[str, Any], present: Any) -> tuple[Any, Any]:
        """Return means and precisions (b, m, dim); an absent view's precision is 0."""
        precision = self.precisions(rows).clamp(-6, 6).exp() * present[:, :, None]
        return self.means(rows), precision

    def forward(self, rows: Mapping[str, Any], present: Any) -> Any:
        """Return (b, dim)."""
        means, precision = self.experts(rows, present)
        return (precision * means).sum(dim=1) / (1 + precision.sum(dim=1))
