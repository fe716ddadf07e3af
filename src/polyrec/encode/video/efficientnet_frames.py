"""Videos through EfficientNet-Lite0, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from polyrec.contracts import part
from polyrec.encode.base import Preparer
from polyrec.encode.image.efficientnet import EfficientNet
from polyrec.encode.video.decode_frames import FrameDecoder
from polyrec.index.vectors import unit_rows
from polyrec.media.image import Pixels
from polyrec.types import Floats


@part
class EfficientNetFrames(EfficientNet):
    """A video as the mean of its frames' features, at length 1.

    >>> EfficientNetFrames(frames=4).width
    1280
    """

    frames: int = 8
    seconds: float = 30.0  # of each video, from its start
    by_shot: bool = False
    modality: str = "video"

    @property
    def preparer(self) -> Preparer:
        """Return what picks, resizes and crops frames."""
        return FrameDecoder(
            224, 224, frames=self.frames, seconds=self.seconds, by_shot=self.by_shot
        )

    @property
    def batch_size(self) -> int:
        """Return how many videos the network takes at once."""
        return max(1, super().batch_size // self.frames)

    def embed(self, prepared: Sequence[Pixels]) -> Floats:
        """Return (b, d) rows of (t, 224, 224, 3) frames."""
        features = self.features(np.concatenate(prepared)).cpu().numpy()
        return unit_rows(features.reshape(len(prepared), self.frames, -1).mean(axis=1))
