"""Decode sounds to log-mel bands over time, without loading a model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyrec.config import Limits
from polyrec.encode.audio.spectral import HOP, RATE, log_mel
from polyrec.media.audio import level, load_audio
from polyrec.types import Floats, Raw

STEPS_PER_S = 10


@dataclass
class Bands:
    """Decodes a sound to (10 seconds, 64) log-mel bands around 0, at an even loudness.

    >>> Bands(seconds=2.0).steps
    20
    """

    seconds: float = 10.0  # of each sound, from its start
    lufs: float | None = -20.0

    @property
    def steps(self) -> int:
        """Return how many steps there are."""
        return int(self.seconds * STEPS_PER_S)

    def prepare(self, raw: Raw, limits: Limits) -> Floats:
        """Return (10 seconds, 64); a shorter sound ends in silence."""
        samples = load_audio(raw, rate=RATE, seconds=self.seconds, limits=limits)
        if self.lufs is not None:
            samples = level(samples, RATE, lufs=self.lufs)
        mel = log_mel(samples)
        edges = np.arange(0, len(mel), RATE / HOP / STEPS_PER_S).astype(np.int64)
        bands = np.add.reduceat(mel, edges, axis=0) / np.diff(edges, append=len(mel))[:, None]
        silence = np.full((max(0, self.steps - len(bands)), bands.shape[1]), -11.5)
        return np.asarray(np.concatenate([bands[: self.steps], silence]) / 4 + 1, np.float32)
