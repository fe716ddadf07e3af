"""Pictures through a small residual network, trained here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from polyrec.encode.convolution import Tower
from polyrec.encode.image.decode_image import Picture
from polyrec.encode.trained import Trained


@dataclass
class ImageCNN(Trained):
    """Residual blocks over size x size pixels, mean and maximum over places, a linear layer.

    >>> ImageCNN(dim=8).width
    8
    """

    size: int = 64  # pixels at which a picture is looked at
    modality: str = "image"

    def build(self) -> Any:
        """Return the untrained network."""
        return _Looker(self.dim)

    @property
    def preparer(self) -> Picture:
        """Return how pictures become pixels."""
        return Picture(self.size, edge=0)

    def alter(self, inputs: Any, generator: Any) -> Any:
        """Return the pictures shifted, some mirrored, a little brighter or darker."""
        return alter_pictures(inputs, generator)


class _Looker(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.tower = Tower(3, (32, 64, 96))
        self.out = nn.Linear(self.tower.width, dim)

    def forward(self, pixels: Any) -> Any:
        """Return (b, dim) of (b, s, s, 3) bytes."""
        return self.out(self.tower(planes(pixels)))


def planes(pixels: Any) -> Any:
    """Return (b, 3, s, s) around 0 of (b, s, s, 3) bytes."""
    return pixels.movedim(-1, 1).float() / 64 - 2


def alter_pictures(inputs: Any, generator: Any) -> Any:
    """Return (b, s, s, 3) bytes shifted by up to an eighth, some mirrored, lighter or darker."""
    count, side = inputs.shape[0], inputs.shape[-2]
    reach = side // 8
    down, right = torch.randint(-reach, reach + 1, (2,), generator=generator).tolist()
    moved = torch.roll(inputs, (down, right), dims=(-3, -2))
    mirrored = torch.rand(count, generator=generator) < 0.5
    moved[mirrored] = moved[mirrored].flip(-2)
    light = 1 + 0.2 * (torch.rand(count, generator=generator) - 0.5)
    light = light.reshape(-1, *[1] * (inputs.ndim - 1))
    return (moved.float() * light).clamp(0, 255).to(torch.uint8)
