"""Fusers as torch modules, for training through them (`contracts.HasTorchModule`).

Each computes the rows of `fuse`: from view -> (b, d) rows and view -> (b,) presence to (b, width)
rows, 0 where no view is present. Absent rows are not read and pass no gradient; a view missing
from the call is absent, one unknown at fit is not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the custom of the field

Rows = Mapping[str, Any]
"""View -> tensor, rows are items."""


def present_rows(
    rows: Rows, present: Rows, widths: Mapping[str, int]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return rows and presence of the views in `widths`, absent rows 0."""
    first = next(iter(rows.values()))
    values, masks = {}, {}
    for name, width in widths.items():
        if name in rows:
            masks[name] = present[name]
            values[name] = torch.where(present[name][:, None], rows[name], 0)
        else:
            masks[name] = torch.zeros(len(first), dtype=torch.bool, device=first.device)
            values[name] = first.new_zeros(len(first), width)
    return values, masks


class ConcatModule(nn.Module):
    """Weighted unit rows side by side, at length 1 (see `Concat`)."""

    def __init__(self, weights: Mapping[str, float], widths: Mapping[str, int]) -> None:
        super().__init__()
        self.weights, self.widths = dict(weights), dict(widths)

    def forward(self, rows: Rows, present: Rows) -> Any:
        """Return (b, sum of widths)."""
        values, _ = present_rows(rows, present, self.widths)
        blocks = [self.weights[name] * F.normalize(x, dim=1) for name, x in values.items()]
        return F.normalize(torch.cat(blocks, dim=1), dim=1)


class MeanModule(nn.Module):
    """The weighted mean of present unit rows (see `WeightedMean`)."""

    def __init__(
        self, weights: Mapping[str, float], width: int, lengths: Literal["unit", "given"]
    ) -> None:
        super().__init__()
        self.weights, self.width, self.lengths = dict(weights), width, lengths

    def forward(self, rows: Rows, present: Rows) -> Any:
        """Return (b, width)."""
        values, masks = present_rows(rows, present, dict.fromkeys(self.weights, self.width))
        total, weight = 0.0, 0.0
        for name, x in values.items():
            share = self.weights[name] * masks[name][:, None].to(x.dtype)
            if self.lengths == "given":
                share = share * x.norm(dim=1, keepdim=True)
            total = total + share * F.normalize(x, dim=1)
            weight = weight + share
        return total / torch.where(weight > 0, weight, 1)


class NetworkModule(nn.Module):
    """A trained fuser's network between unit rows: its output at length 1 (see `TrainedFuser`)."""

    def __init__(self, network: nn.Module, widths: Mapping[str, int]) -> None:
        super().__init__()
        self.network, self.widths = network, dict(widths)

    def forward(self, rows: Rows, present: Rows) -> Any:
        """Return (b, dim)."""
        values, masks = present_rows(rows, present, self.widths)
        units = {name: F.normalize(x, dim=1) for name, x in values.items()}
        # a row that is present but zero carries no information
        mask = torch.stack([masks[name] & units[name].any(dim=1) for name in units], dim=1)
        return F.normalize(self.network(units, mask), dim=1) * mask.any(dim=1, keepdim=True)
