"""Videos through a small network per frame and an LSTM over the frames, trained here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from polyrec.encode.convolution import Tower
from polyrec.encode.image.decode_image import Frames
from polyrec.encode.image.image_cnn import alter_pictures, planes
from polyrec.encode.trained import Trained


@dataclass
class VideoLSTM(Trained):
    """Residual blocks over each frame, LSTM over the frames, their mean beside it, a linear layer.

    >>> VideoLSTM(dim=8).width
    8
    """

    size: int = 48  # pixels at which a frame is looked at
    frames: int = 8
    seconds: float = 30.0  # of each video
    modality: str = "video"

    def build(self) -> Any:
        """Return the untrained network."""
        return _Watcher(self.dim)

    @property
    def preparer(self) -> Frames:
        """Return how frames are picked, spread evenly over the video."""
        return Frames(self.size, edge=0, frames=self.frames, seconds=self.seconds)

    def alter(self, inputs: Any, generator: Any) -> Any:
        """Return the videos shifted, some mirrored, a little brighter or darker."""
        return alter_pictures(inputs, generator)


class _Watcher(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.tower = Tower(3, (16, 32, 64))
        wide = self.tower.width
        self.memory = nn.LSTM(wide, 64, batch_first=True)
        self.out = nn.Linear(wide + 64, dim)

    def forward(self, pixels: Any) -> Any:
        """Return (b, dim) of (b, t, s, s, 3) bytes."""
        count, steps = pixels.shape[:2]
        seen = self.tower(planes(pixels.flatten(0, 1))).reshape(count, steps, -1)
        _, (last, _) = self.memory(seen)
        return self.out(torch.cat([seen.mean(dim=1), last[-1]], dim=1))
