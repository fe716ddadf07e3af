"""Power in mel bands as librosa computes it, for networks that were trained on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from polyrec.types import Floats


@dataclass(frozen=True)
class MelSettings:
    """The form of a spectrogram."""

    rate: int = 16_000  # Hz
    window: int = 512  # samples
    hop: int = 256  # samples
    bands: int = 96


def mel_power(samples: Floats, settings: MelSettings) -> Floats:
    """Return (1 + samples // hop, bands) power; windows are centred, the ends are mirrored."""
    window, hop = settings.window, settings.hop
    padded = np.pad(samples, (0, max(0, window // 2 + 1 - len(samples))))  # enough to mirror
    padded = np.pad(padded, window // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    hann = np.hanning(window + 1)[:-1].astype(np.float32)
    power = np.abs(np.fft.rfft(frames * hann, axis=1)) ** 2
    return np.asarray(power @ _filters(settings), np.float32)


@lru_cache(maxsize=2)
def _filters(settings: MelSettings) -> Floats:
    """Return (1 + window // 2, bands) triangles of area 1, evenly spaced on Slaney's scale.

    Auditory Toolbox, Interval Research, 1998: linear up to 1 kHz, then logarithmic.
    """
    top = 15 + 27 * np.log(settings.rate / 2 / 1000) / np.log(6.4)
    mels = np.linspace(0, top, settings.bands + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))
    bins = np.fft.rfftfreq(settings.window, 1 / settings.rate)[:, None]
    rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(0, np.minimum(rise, fall))
    return np.asarray(triangles * 2 / (edges[2:] - edges[:-2]), np.float32)
