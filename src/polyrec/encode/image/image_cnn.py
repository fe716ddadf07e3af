"""Images through a small residual network, trained on the catalogue."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from polyrec.contracts import part
from polyrec.encode.convolution import ConvolutionalNetwork
from polyrec.encode.image.decode_image import ImageDecoder
from polyrec.encode.trained import TrainedEncoder


@part
class ImageCNN(TrainedEncoder):
    """Residual blocks over size x size pixels, mean and maximum over positions, a linear layer.

    >>> ImageCNN(dim=8).width
    8
    """

    size: int = 64  # pixels per side to which an image is scaled
    modality: str = "image"

    def build(self) -> Any:
        """Return the untrained network."""
        return _Network(self.dim)

    @property
    def preparer(self) -> ImageDecoder:
        """Return what decodes images to pixels."""
        return ImageDecoder(self.size, edge=0)

    def augment(self, inputs: Any, generator: Any) -> Any:
        """Return the images shifted, some mirrored, lighter or darker."""
        return augment_images(inputs, generator)


class _Network(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.convolutions = ConvolutionalNetwork(3, (32, 64, 96))
        self.out = nn.Linear(self.convolutions.width, dim)

    def forward(self, pixels: Any) -> Any:
        """Return (b, dim) of (b, s, s, 3) bytes."""
        return self.out(self.convolutions(to_planes(pixels)))


def to_planes(pixels: Any) -> Any:
    """Return (b, 3, s, s) around 0 of (b, s, s, 3) bytes."""
    return pixels.movedim(-1, 1).float() / 64 - 2


def augment_images(inputs: Any, generator: Any) -> Any:
    """Return (b, ..., s, s, 3) bytes rolled by up to an eighth, some mirrored, all re-lit."""
    count, side = inputs.shape[0], inputs.shape[-2]
    reach = side // 8
    down, right = torch.randint(-reach, reach + 1, (2,), generator=generator).tolist()
    altered = torch.roll(inputs, (down, right), dims=(-3, -2))
    mirrored = torch.rand(count, generator=generator) < 0.5
    altered[mirrored] = altered[mirrored].flip(-2)
    light = 1 + 0.2 * (torch.rand(count, generator=generator) - 0.5)
    light = light.reshape(-1, *[1] * (inputs.ndim - 1))
    return (altered.float() * light).clamp(0, 255).to(torch.uint8)
