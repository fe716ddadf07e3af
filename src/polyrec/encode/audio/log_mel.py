"""Log-mel bands of sounds, without loading a model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from polyrec.config import Limits
from polyrec.media.audio import level, load_audio
from polyrec.types import Floats, Raw

RATE = 22_050  # Hz
WINDOW, HOP = 1024, 512  # samples
BANDS = 64
STEPS_PER_S = 10

_SILENCE = -11.5  # the log energy of an empty band


@dataclass
class LogMelDecoder:
    """Decodes a sound to (10 seconds, 64) log-mel bands around 0, at an even loudness.

    >>> LogMelDecoder(seconds=2.0).steps
    20
    """

    seconds: float = 10.0  # of each sound, from its start
    lufs: float | None = -20.0

    @property
    def steps(self) -> int:
        """Return the number of time steps."""
        return int(self.seconds * STEPS_PER_S)

    def prepare(self, raw: Raw, limits: Limits) -> Floats:
        """Return (10 seconds, 64); a shorter sound is padded with silence."""
        samples = load_audio(raw, rate=RATE, seconds=self.seconds, limits=limits)
        if self.lufs is not None:
            samples = level(samples, RATE, lufs=self.lufs)
        mel = log_mel(samples)
        edges = np.arange(0, len(mel), RATE / HOP / STEPS_PER_S).astype(np.int64)
        bands = np.add.reduceat(mel, edges, axis=0) / np.diff(edges, append=len(mel))[:, None]
        padding = np.full((max(0, self.steps - len(bands)), bands.shape[1]), _SILENCE)
        return np.asarray(np.concatenate([bands[: self.steps], padding]) / 4 + 1, np.float32)


def log_mel(samples: Floats) -> Floats:
    """Return (t, 64) log energies of mel bands, one row per `HOP` samples; silence is -11.5."""
    padded = np.pad(samples, (0, max(0, WINDOW - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(WINDOW).astype(np.float32), axis=1)) ** 2
    return np.asarray(np.log(power @ _mel_filters() + 1e-5), np.float32)


@lru_cache(maxsize=1)
def _mel_filters() -> Floats:
    """Return (513, 64) triangles, evenly spaced on mel = 2595 log10(1 + f / 700).

    O'Shaughnessy, Speech Communication, 1987.
    """
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, BANDS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(WINDOW, 1 / RATE)[:, None]
    rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(0, np.minimum(rise, fall))
    return np.asarray(triangles / np.maximum(triangles.sum(axis=0), 1e-9), np.float32)
