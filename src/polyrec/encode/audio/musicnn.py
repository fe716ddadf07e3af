"""Music through MusiCNN, whose weights come by `polyrec models add musicnn`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from polyrec.compute.device import pick_device
from polyrec.contracts import part
from polyrec.encode.audio.decode_patches import PatchDecoder
from polyrec.encode.base import Preparer
from polyrec.encode.packaged.encoder import PackagedEncoder
from polyrec.index.vectors import unit_rows
from polyrec.types import Floats

_EPSILON = 1e-3  # of batch normalisation, as in TensorFlow
_TIMBRAL, _TEMPORAL, _MIDDLE, _OUT = 204, 51, 64, 200
_FRONT = 2 * _TIMBRAL + 3 * _TEMPORAL
_PATCHES = 16  # at once: 10 MB of features each
_POOLED = 2 * (_FRONT + 3 * _MIDDLE)


@part
class MusiCNN(PackagedEncoder):
    """The means of MusiCNN's pooled and last hidden features over patches of 3 s, at length 1.

    Trained on the tags of the Million Song Dataset (Pons & Serra, ISMIR 2019 late-breaking). The
    pooled features are the maximum and the mean over time of all convolutions, normalised.

    >>> MusiCNN().width
    1706
    """

    packaged_model: ClassVar[str] = "musicnn"

    seconds: float = 30.0  # of each sound, from its start
    modality: str = "audio"

    @property
    def width(self) -> int:
        """Return d."""
        return _POOLED + _OUT

    @property
    def preparer(self) -> Preparer:
        """Return what cuts sounds into patches."""
        return PatchDecoder(seconds=self.seconds)

    def build(self) -> Any:
        """Return the network without its weights."""
        return MusiCNNNetwork()

    def embed(self, prepared: Sequence[Floats]) -> Floats:
        """Return (b, d) rows of (p, 187, 96) patches."""
        patches = torch.from_numpy(np.concatenate(prepared)).to(pick_device(self.device))
        with torch.inference_mode():
            parts = [self.network(batch) for batch in patches.split(_PATCHES)]
            rows = torch.cat(parts).split([len(sound) for sound in prepared])
        means = torch.stack([sound.mean(dim=0) for sound in rows]).cpu().numpy()
        blocks = (means[:, :_POOLED], means[:, _POOLED:])
        return unit_rows(np.concatenate([unit_rows(block) for block in blocks], axis=1))


class MusiCNNNetwork(nn.Module):
    """The network up to its last hidden layer; names of layers are those of the checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        self.batch_normalization = _norm(1)
        kernels = [(7, 38), (7, 67), (128, 1), (64, 1), (32, 1)]
        widths = [_TIMBRAL] * 2 + [_TEMPORAL] * 3
        kernels += [(7, _FRONT), (7, _MIDDLE), (7, _MIDDLE)]
        widths += [_MIDDLE] * 3
        for number, (kernel, width) in enumerate(zip(kernels, widths, strict=True)):
            name = f"conv2d_{number}" if number else "conv2d"
            setattr(self, name, nn.Conv2d(1, width, kernel))
            setattr(self, f"batch_normalization_{number + 1}", _norm(width))
        self.batch_normalization_9 = nn.BatchNorm1d(_POOLED, eps=_EPSILON)
        self.dense = nn.Linear(_POOLED, _OUT)
        self.batch_normalization_10 = nn.BatchNorm1d(_OUT, eps=_EPSILON)

    def forward(self, patches: Any) -> Any:
        """Return (b, 1706) of (b, t, 96) log-mel bands: pooled features, then the last layer's."""
        rows = self.batch_normalization(patches[:, None])  # (b, 1, t, 96)
        front = torch.cat([self._convolve(number, rows) for number in range(5)], dim=2)
        first = self._convolve(5, front[:, None])  # (b, t, 64)
        second = first + self._convolve(6, first[:, None])
        third = second + self._convolve(7, second[:, None])
        features = torch.cat([front, first, second, third], dim=2)  # (b, t, 753)
        pooled = torch.stack([features.amax(dim=1), features.mean(dim=1)], dim=2).flatten(1)
        pooled = self.batch_normalization_9(pooled)
        hidden = self.batch_normalization_10(nn.functional.relu(self.dense(pooled)))
        return torch.cat([pooled, hidden], dim=1)

    def _convolve(self, number: int, rows: Any) -> Any:
        """Return (b, t, c): a convolution of (b, 1, t, f), and the maximum over f."""
        convolution = self.get_submodule(f"conv2d_{number}" if number else "conv2d")
        norm = self.get_submodule(f"batch_normalization_{number + 1}")
        padding = convolution.weight.shape[2] - 1  # of the time alone; an odd one is at the end
        padded = nn.functional.pad(rows, (0, 0, padding // 2, padding - padding // 2))
        return norm(nn.functional.relu(convolution(padded))).amax(dim=3).transpose(1, 2)


def _norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=_EPSILON)
