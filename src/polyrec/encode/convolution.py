"""The convolutional blocks that the encoders trained here are built of."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the custom of the field


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut (He et al., CVPR 2016), normalised by groups."""

    def __init__(self, given: int, made: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(given, made, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(made, made, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.GroupNorm(8, made), nn.GroupNorm(8, made)])
        self.short: Any = (
            nn.Conv2d(given, made, 1, stride, bias=False) if (given, stride) != (made, 1) else None
        )

    def forward(self, planes: Any) -> Any:
        """Return (b, made, h / stride, w / stride) of (b, given, h, w)."""
        states = F.relu(self.norms[0](self.first(planes)))
        states = self.norms[1](self.second(states))
        return F.relu(states + (planes if self.short is None else self.short(planes)))


class Tower(nn.Module):
    """Convolutions that halve the plane and widen, then mean and maximum over places."""

    def __init__(self, given: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(given, widths[0], 5, 2, 2, bias=False), nn.GroupNorm(8, widths[0]), nn.ReLU()
        )
        pairs = pairwise(widths)
        self.blocks = nn.Sequential(*(Residual(narrow, wide, 2) for narrow, wide in pairs))
        self.width = 2 * widths[-1]

    def forward(self, planes: Any) -> Any:
        """Return (b, 2 * the last width) of (b, given, h, w)."""
        states = self.blocks(self.stem(planes))
        flat = states.flatten(2)
        # the mean says how much, the maximum whether at all
        return F.dropout(torch.cat([flat.mean(dim=2), flat.amax(dim=2)], dim=1), 0.2, self.training)
