"""Log-mel statistics of a sound: timbre, its movement, and its pulse."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from polyrec.config import Limits
from polyrec.encode.base import PerItem
from polyrec.index.vectors import unit_vector
from polyrec.media.audio import load_audio
from polyrec.types import Floats, Raw

RATE = 22_050  # Hz
_WINDOW, HOP, _BANDS, _CEPSTRA, _LAGS = 1024, 512, 64, 20, 24
_WIDTH = 3 * _BANDS + 2 * _CEPSTRA + _LAGS + 3


@dataclass
class Spectral(PerItem):
    """Mean, deviation and mean change of 64 log-mel bands, cepstra, pulse and loudness.

    Windows of 46 ms every 23 ms. The cepstra are the cosine transform of the log-mel bands; the
    pulse is the autocorrelation of onset strength at 24 lags from 0.2 to 2 s. Each block is at
    length 1.

    >>> Spectral().width
    259
    """

    seconds: float = 30.0  # of each sound that are heard
    modality: str = "audio"

    @property
    def width(self) -> int:
        """Return d."""
        return _WIDTH

    def describe(self, raw: Raw, limits: Limits) -> Floats:
        """Return the (259,) row of one sound."""
        samples = load_audio(raw, rate=RATE, seconds=self.seconds, limits=limits)
        return describe_samples(samples)


def describe_samples(samples: Floats) -> Floats:
    """Return the (259,) description of mono samples at `RATE`."""
    mel = log_mel(samples)  # (t, 64)
    change = np.abs(np.diff(mel, axis=0)).mean(axis=0) if len(mel) > 1 else np.zeros(_BANDS)
    cepstra = mel @ _cosines()
    level = mel.mean(axis=1)
    loudness = np.array([level.mean(), level.std(), np.ptp(level)])
    blocks = [
        mel.mean(axis=0) - mel.mean(),
        mel.std(axis=0),
        change,
        np.concatenate([cepstra.mean(axis=0), cepstra.std(axis=0)]),
        _pulse(mel),
        loudness / 10,
    ]
    return np.concatenate(
        [unit_vector(np.asarray(b, np.float32)) for b in blocks[:-1]] + [blocks[-1]]
    ).astype(np.float32)


def log_mel(samples: Floats) -> Floats:
    """Return (t, 64) log energies of mel bands, silence at -11.5."""
    padded = np.pad(samples, (0, max(0, _WINDOW - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW).astype(np.float32), axis=1)) ** 2
    return np.asarray(np.log(power @ _mel_bands() + 1e-5), np.float32)


@lru_cache(maxsize=1)
def _mel_bands() -> Floats:
    """Return (513, 64) triangles even on mel = 2595 log10(1 + f / 700) (O'Shaughnessy, 1987)."""
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, _BANDS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(_WINDOW, 1 / RATE)[:, None]
    rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(0, np.minimum(rise, fall))
    return np.asarray(triangles / np.maximum(triangles.sum(axis=0), 1e-9), np.float32)


@lru_cache(maxsize=1)
def _cosines() -> Floats:
    """Return (64, 20) the first cosines after the constant."""
    steps = np.pi / _BANDS * (np.arange(_BANDS)[:, None] + 0.5)
    return np.asarray(np.cos(steps * np.arange(1, _CEPSTRA + 1)) * np.sqrt(2 / _BANDS), np.float32)


def _pulse(mel: Floats) -> Floats:
    """Return (24,) how alike onset strength is to itself 0.2 to 2 s later."""
    onset = np.maximum(np.diff(mel, axis=0), 0).mean(axis=1)
    onset = onset - onset.mean() if len(onset) else onset
    energy = float(onset @ onset)
    lags = np.unique(np.geomspace(0.2, 2.0, _LAGS).round(4)) * RATE / HOP
    if energy <= 0:
        return np.zeros(_LAGS, np.float32)
    found = [
        onset[int(lag) :] @ onset[: len(onset) - int(lag)] if lag < len(onset) else 0.0
        for lag in lags
    ]
    return np.asarray(np.array(found) / energy, np.float32)
