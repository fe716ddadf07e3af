"""The convolutional blocks of the encoders that are trained on the catalogue."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the custom of the field


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with a shortcut (He et al., CVPR 2016) and group normalisation."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.GroupNorm(8, out_channels), nn.GroupNorm(8, out_channels)])
        self.shortcut: Any = (
            nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            if (in_channels, stride) != (out_channels, 1)
            else None
        )

    def forward(self, planes: Any) -> Any:
        """Return (b, out_channels, h / stride, w / stride) of (b, in_channels, h, w)."""
        states = F.relu(self.norms[0](self.first(planes)))
        states = self.norms[1](self.second(states))
        return F.relu(states + (planes if self.shortcut is None else self.shortcut(planes)))


class ConvolutionalNetwork(nn.Module):
    """Residual blocks that halve the plane and widen it, then mean and maximum over positions."""

    def __init__(self, in_channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, widths[0], 5, 2, 2, bias=False),
            nn.GroupNorm(8, widths[0]),
            nn.ReLU(),
        )
        pairs = pairwise(widths)
        self.blocks = nn.Sequential(*(ResidualBlock(narrow, wide, 2) for narrow, wide in pairs))
        self.width = 2 * widths[-1]

    def forward(self, planes: Any) -> Any:
        """Return (b, 2 * the last width) of (b, in_channels, h, w)."""
        states = self.blocks(self.stem(planes)).flatten(2)
        # the mean tells how much of a pattern there is, the maximum whether there is any
        pooled = torch.cat([states.mean(dim=2), states.amax(dim=2)], dim=1)
        return F.dropout(pooled, 0.2, self.training)
