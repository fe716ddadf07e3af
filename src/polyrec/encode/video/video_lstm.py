"""Videos through a network per frame and an LSTM over frames, trained on the catalogue."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import nn

from polyrec.contracts import part
from polyrec.encode.convolution import ConvolutionalNetwork
from polyrec.encode.image.image_cnn import augment_images, to_planes
from polyrec.encode.trained import TrainedEncoder
from polyrec.encode.video.decode_frames import FrameDecoder


@part
class VideoLSTM(TrainedEncoder):
    """Residual blocks over each frame, an LSTM over the frames and their mean, a linear layer.

    >>> VideoLSTM(dim=8).width
    8
    """

    version: ClassVar[int] = 3  # 3: mirrored frames

    size: int = 48  # pixels per side to which a frame is scaled
    frames: int = 8
    seconds: float = 30.0  # of each video, from its start
    modality: str = "video"

    def build(self) -> Any:
        """Return the untrained network."""
        return _Network(self.dim)

    @property
    def preparer(self) -> FrameDecoder:
        """Return what picks frames, spread evenly over the video."""
        return FrameDecoder(self.size, edge=0, frames=self.frames, seconds=self.seconds)

    def augment(self, inputs: Any, generator: Any) -> Any:
        """Return the videos shifted, some mirrored, lighter or darker."""
        return augment_images(inputs, generator)


class _Network(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.convolutions = ConvolutionalNetwork(3, (16, 32, 64))
        width = self.convolutions.width
        self.lstm = nn.LSTM(width, 64, batch_first=True)
        self.out = nn.Linear(width + 64, dim)

    def forward(self, pixels: Any) -> Any:
        """Return (b, dim) of (b, t, s, s, 3) bytes."""
        count, steps = pixels.shape[:2]
        states = self.convolutions(to_planes(pixels.flatten(0, 1))).reshape(count, steps, -1)
        _, (last, _) = self.lstm(states)
        return self.out(torch.cat([states.mean(dim=1), last[-1]], dim=1))
