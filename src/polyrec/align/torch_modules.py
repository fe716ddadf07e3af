"""Aligners as torch modules, for training through them (`contracts.HasTorchModule`).

Each computes what the aligner's `align` does: from view -> (b, d) rows and view -> (b,) presence to
view -> (b, width) rows. Absent rows are not read, pass no gradient, and come out 0. A call may have
only some of the views that were there at fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the custom of the field

from polyrec.types import Floats

Rows = Mapping[str, Any]
"""View -> tensor, rows are items."""


class IdentityModule(nn.Module):
    """Rows as they are, absent ones 0."""

    def forward(self, rows: Rows, present: Rows) -> dict[str, Any]:
        """Return view -> (b, d) rows."""
        return {name: torch.where(present[name][:, None], x, 0) for name, x in rows.items()}


class AffineModule(nn.Module):
    """z = (x - mean) map; means and maps are parameters that don't require gradients."""

    def __init__(self, means: Mapping[str, Floats], maps: Mapping[str, Floats]) -> None:
        super().__init__()
        self.names = list(means)
        self.means = nn.ParameterList(_frozen(means[name]) for name in self.names)
        self.maps = nn.ParameterList(_frozen(maps[name]) for name in self.names)

    def forward(self, rows: Rows, present: Rows) -> dict[str, Any]:
        """Return view -> (b, width) rows."""
        mapped = {}
        for name, x in rows.items():
            i = self.names.index(name)
            centred = torch.where(present[name][:, None], x - self.means[i], 0)
            mapped[name] = centred @ self.maps[i]
        return mapped

    def arrays(self) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """Return means and maps by view."""
        means, maps = (
            {
                name: tensor.detach().cpu().numpy().copy()
                for name, tensor in zip(self.names, tensors, strict=True)
            }
            for tensors in (self.means, self.maps)
        )
        return means, maps


class UnitAffineModule(AffineModule):
    """z / |z| with z = (x - mean) map."""

    def forward(self, rows: Rows, present: Rows) -> dict[str, Any]:
        """Return view -> (b, width) rows of length 1."""
        mapped = super().forward(rows, present)
        return {name: F.normalize(z, dim=1) for name, z in mapped.items()}


class CosineModule(UnitAffineModule):
    """Rows as long as they agree with the anchor's (see `CosineWeighted`)."""

    def __init__(
        self,
        means: Mapping[str, Floats],
        maps: Mapping[str, Floats],
        *,
        anchor: str,
        mean_weights: Mapping[str, float],
    ) -> None:
        super().__init__(means, maps)
        self.anchor, self.mean_weights = anchor, dict(mean_weights)

    def forward(self, rows: Rows, present: Rows) -> dict[str, Any]:
        """Return view -> (b, width) weighted rows."""
        units = super().forward(rows, present)
        anchor = units.get(self.anchor)
        weighted = {}
        for name, unit in units.items():
            weights = unit.new_full((len(unit),), self.mean_weights[name])
            if anchor is not None:
                cosines = (unit * anchor).sum(dim=1).clamp(min=0)
                weights = torch.where(present[name] & present[self.anchor], cosines, weights)
            weighted[name] = unit if name == self.anchor else unit * weights[:, None]
        return weighted


def _frozen(array: Floats) -> nn.Parameter:
    return nn.Parameter(torch.from_numpy(np.array(array)), requires_grad=False)
