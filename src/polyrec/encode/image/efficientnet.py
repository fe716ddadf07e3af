"""Images through EfficientNet-Lite0, whose weights come by `polyrec models add efficientnet`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from polyrec.compute.device import pick_device
from polyrec.contracts import part
from polyrec.encode.base import Preparer
from polyrec.encode.image.decode_image import ImageDecoder
from polyrec.encode.packaged.encoder import PackagedEncoder
from polyrec.index.vectors import unit_rows
from polyrec.media.image import Pixels
from polyrec.types import Floats

_STAGES = (  # repeats, kernel, stride, expansion, channels: table 1 of the paper
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320),
)  # fmt: skip
_EPSILON = 1e-3  # of batch normalisation, as in TensorFlow
WIDTH = 1280


@part
class EfficientNet(PackagedEncoder):
    """The mean over positions of EfficientNet-Lite0's last features, at length 1.

    Trained on ImageNet (Tan & Le, ICML 2019); Lite0 has no squeeze-and-excitation and ReLU6. An
    image is stretched to the square.

    >>> EfficientNet().width
    1280
    """

    packaged_model: ClassVar[str] = "efficientnet"

    modality: str = "image"

    @property
    def width(self) -> int:
        """Return d."""
        return WIDTH

    def build(self) -> Any:
        """Return the network without its weights."""
        return EfficientNetLite0()

    @property
    def preparer(self) -> Preparer:
        """Return what decodes images."""
        return ImageDecoder(224, edge=0)

    def embed(self, prepared: Sequence[Pixels]) -> Floats:
        """Return (b, d) rows of (224, 224, 3) images."""
        return unit_rows(self.features(np.stack(prepared)).cpu().numpy())

    def features(self, pixels: Pixels) -> Any:
        """Return (b, d) features of (b, 224, 224, 3) images, as a tensor."""
        bytes_ = torch.from_numpy(np.require(pixels, requirements=["C", "W"]))
        scaled = (bytes_.to(pick_device(self.device)).movedim(-1, -3).float() - 127) / 128
        with torch.inference_mode():
            return self.network(scaled)


class EfficientNetLite0(nn.Module):
    """The network without its classifier; names of parameters are those of the checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(3, 32, 3, stride=2)
        self._bn0 = nn.BatchNorm2d(32, eps=_EPSILON)
        blocks, width = [], 32
        for repeats, kernel, stride, expansion, channels in _STAGES:
            for repeat in range(repeats):
                step = 1 if repeat else stride
                blocks.append(_Block(width, channels, kernel, step, expansion))
                width = channels
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = nn.Conv2d(width, WIDTH, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(WIDTH, eps=_EPSILON)

    def forward(self, images: Any) -> Any:
        """Return (b, 1280) of (b, 3, s, s) around 0."""
        rows = nn.functional.relu6(self._bn0(self._conv_stem(images)))
        for block in self._blocks:
            rows = block(rows)
        return nn.functional.relu6(self._bn1(self._conv_head(rows))).mean(dim=(2, 3))


class _Block(nn.Module):
    """An inverted residual: expand, convolve by channel, project."""

    def __init__(self, width: int, channels: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = width * expansion
        self.is_residual = stride == 1 and width == channels
        if expansion > 1:
            self._expand_conv = nn.Conv2d(width, inner, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(inner, eps=_EPSILON)
        self.expands = expansion > 1
        self._depthwise_conv = SameConv2d(inner, inner, kernel, stride=stride, groups=inner)
        self._bn1 = nn.BatchNorm2d(inner, eps=_EPSILON)
        self._project_conv = nn.Conv2d(inner, channels, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(channels, eps=_EPSILON)

    def forward(self, rows: Any) -> Any:
        """Return (b, channels, s, s)."""
        inner = rows
        if self.expands:
            inner = nn.functional.relu6(self._bn0(self._expand_conv(inner)))
        inner = nn.functional.relu6(self._bn1(self._depthwise_conv(inner)))
        inner = self._bn2(self._project_conv(inner))
        return inner + rows if self.is_residual else inner


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME: an odd pixel goes to the right and below."""

    def __init__(
        self, width: int, channels: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(width, channels, kernel, stride=stride, groups=groups, bias=False)

    def forward(self, rows: Any) -> Any:
        """Return (b, channels, ceil(s / stride), ceil(s / stride))."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        height, width = (
            max((-(-s // stride) - 1) * stride + kernel - s, 0) for s in rows.shape[2:]
        )
        sides = (width // 2, width - width // 2, height // 2, height - height // 2)
        return super().forward(nn.functional.pad(rows, sides))
