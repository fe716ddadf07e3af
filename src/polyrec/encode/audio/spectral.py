"""Statistics of a sound's log-mel bands: timbre, how it changes, and rhythm."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

import numpy as np

from polyrec.config import Limits
from polyrec.contracts import part
from polyrec.encode.audio.log_mel import BANDS, HOP, RATE, log_mel
from polyrec.encode.base import PerItemEncoder
from polyrec.index.vectors import unit_vector
from polyrec.media.audio import load_audio
from polyrec.types import Floats, Raw

_CEPSTRA, _LAGS = 20, 24
SPECTRAL_WIDTH = 3 * BANDS + 2 * _CEPSTRA + _LAGS + 3


@part
class Spectral(PerItemEncoder):
    """Mean, deviation and mean change of 64 log-mel bands, cepstra, rhythm and loudness.

    Windows of 46 ms every 23 ms. The cepstra are the cosine transform of the log-mel bands; the
    rhythm is the autocorrelation of onset strength at 24 lags from 0.2 to 2 s. Each block has
    length 1, loudness excepted.

    >>> Spectral().width
    259
    """

    version: ClassVar[int] = 3  # 3: silence before a late start

    seconds: float = 30.0  # of each sound, from its start
    modality: str = "audio"

    @property
    def width(self) -> int:
        """Return d."""
        return SPECTRAL_WIDTH

    def encode_one(self, raw: Raw, limits: Limits) -> Floats:
        """Return the (259,) row of one sound."""
        return describe_samples(load_audio(raw, rate=RATE, seconds=self.seconds, limits=limits))


def describe_samples(samples: Floats) -> Floats:
    """Return the (259,) description of mono samples at `RATE`."""
    mel = log_mel(samples)  # (t, 64)
    change = np.abs(np.diff(mel, axis=0)).mean(axis=0) if len(mel) > 1 else np.zeros(BANDS)
    cepstra = mel @ _cosines()
    level = mel.mean(axis=1)
    blocks = [
        mel.mean(axis=0) - mel.mean(),
        mel.std(axis=0),
        change,
        np.concatenate([cepstra.mean(axis=0), cepstra.std(axis=0)]),
        _rhythm(mel),
    ]
    units = [unit_vector(np.asarray(block, np.float32)) for block in blocks]
    loudness = np.array([level.mean(), level.std(), np.ptp(level)]) / 10
    return np.concatenate([*units, loudness]).astype(np.float32)


@lru_cache(maxsize=1)
def _cosines() -> Floats:
    """Return (64, 20) the first cosines after the constant."""
    steps = np.pi / BANDS * (np.arange(BANDS)[:, None] + 0.5)
    return np.asarray(np.cos(steps * np.arange(1, _CEPSTRA + 1)) * np.sqrt(2 / BANDS), np.float32)


def _rhythm(mel: Floats) -> Floats:
    """Return (24,) the autocorrelation of onset strength at lags of 0.2 to 2 s."""
    onset = np.maximum(np.diff(mel, axis=0), 0).mean(axis=1)
    onset = onset - onset.mean() if len(onset) else onset
    energy = float(onset @ onset)
    lags = np.unique(np.geomspace(0.2, 2.0, _LAGS).round(4)) * RATE / HOP
    if energy <= 0:
        return np.zeros(_LAGS, np.float32)
    products = [
        onset[int(lag) :] @ onset[: len(onset) - int(lag)] if lag < len(onset) else 0.0
        for lag in lags
    ]
    return np.asarray(np.array(products) / energy, np.float32)
