"""Statistics of a video's frames, motion and sound track: no model, no download."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from polyrec.config import Limits
from polyrec.contracts import part
from polyrec.encode.audio.log_mel import RATE
from polyrec.encode.audio.spectral import SPECTRAL_WIDTH, describe_samples
from polyrec.encode.base import PerItemEncoder
from polyrec.encode.image.descriptor import DESCRIPTOR_WIDTH, describe_pixels
from polyrec.errors import MediaError
from polyrec.index.vectors import unit_vector
from polyrec.media.audio import load_audio
from polyrec.media.source import reopenable
from polyrec.media.video import load_video
from polyrec.types import Floats, Raw

_CELLS, _LAGS = 16, 8
_WIDTH = 2 * DESCRIPTOR_WIDTH + _CELLS + _LAGS + 3 + SPECTRAL_WIDTH + 1


@part
class Motion(PerItemEncoder):
    """Mean and deviation of frame descriptors, motion energy, and the sound track's statistics.

    Motion energy is the mean absolute difference of neighbouring frames: where (4 x 4 cells), how
    much (mean, deviation, maximum) and how periodic (autocorrelation at 8 lags). A silent video has
    zeros for its sound, and 0 in the last column.

    >>> Motion().width
    823
    """

    version: ClassVar[int] = 3  # 3: silence before a late start, mirrored frames

    rate: float = 5.0  # frames per second
    seconds: float = 30.0  # of each video, from its start
    modality: str = "video"

    @property
    def width(self) -> int:
        """Return d."""
        return _WIDTH

    def encode_one(self, raw: Raw, limits: Limits) -> Floats:
        """Return the (823,) row of one video."""
        content = reopenable(raw, limits)
        video = load_video(content, rate=self.rate, size=64, seconds=self.seconds, limits=limits)
        frames = np.stack([describe_pixels(frame) for frame in video.frames])
        try:
            samples = load_audio(content, rate=RATE, seconds=self.seconds, limits=limits)
            sound = np.append(describe_samples(samples), 1.0)
        except MediaError:
            sound = np.zeros(SPECTRAL_WIDTH + 1)
        blocks = [frames.mean(axis=0), frames.std(axis=0), _motion(video.frames), sound]
        return np.concatenate(blocks).astype(np.float32)


def _motion(frames: npt.NDArray[np.uint8]) -> Floats:
    grey = frames.astype(np.float32).mean(axis=3) / 255  # (t, s, s)
    if len(grey) < 2:
        return np.zeros(_CELLS + _LAGS + 3, np.float32)
    change = np.abs(np.diff(grey, axis=0))
    side = change.shape[1] // 4
    where = change.mean(axis=0).reshape(4, side, 4, side).mean(axis=(1, 3)).ravel()
    energy = change.mean(axis=(1, 2))
    centred = energy - energy.mean()
    total = max(float(centred @ centred), 1e-12)
    periods = [
        float(centred[lag:] @ centred[:-lag]) / total if lag < len(centred) else 0.0
        for lag in range(1, _LAGS + 1)
    ]
    amounts = np.array([energy.mean(), energy.std(), energy.max()]) * 10
    return np.concatenate([unit_vector(where), periods, amounts]).astype(np.float32)
