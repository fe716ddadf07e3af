"""Cut a sound's log-mel bands into patches, without loading a model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyrec.config import Limits
from polyrec.encode.audio.slaney_mel import MelSettings, mel_power
from polyrec.media.audio import load_audio
from polyrec.types import Floats, Raw

_MEL = MelSettings()


@dataclass
class PatchDecoder:
    """Decodes a sound to (p, frames, 96): patches of log10(10000 power + 1) side by side."""

    frames: int = 187  # 3 s
    seconds: float = 30.0  # of each sound, from its start

    def prepare(self, raw: Raw, limits: Limits) -> Floats:
        """Return the patches, spread evenly; a sound that is shorter than one is repeated."""
        samples = load_audio(raw, rate=_MEL.rate, seconds=self.seconds, limits=limits)
        bands = np.log10(10_000 * mel_power(samples, _MEL) + 1)
        if len(bands) < self.frames:
            bands = np.tile(bands, (-(-self.frames // len(bands)), 1))[: self.frames]
        count = -(-len(bands) // self.frames)
        starts = np.linspace(0, len(bands) - self.frames, count).astype(np.int64)
        return np.stack([bands[start : start + self.frames] for start in starts])
