"""Decode sound to mono samples; measure and level their loudness; cut them into windows."""

from __future__ import annotations

import av
import numpy as np
from av.container import InputContainer

from polyrec.config import Limits
from polyrec.errors import MediaError
from polyrec.media.container import check_length, open_container, stream_start
from polyrec.types import Floats, Raw

_GAP_S = 0.05  # a pause of the clock that is longer is silence


def load_audio(raw: Raw, *, rate: int, seconds: float, limits: Limits | None = None) -> Floats:
    """Return (samples,) mono float32 at `rate` Hz, of the first `seconds` s, full scale 1.

    Mono is the mean of the channels. Of a video, the samples are those of its sound track, with
    silence where it starts later than the pictures, or has a gap. No sound track, no samples, or
    far fewer than the file declares raise `MediaError`.
    """
    with open_container(raw, limits or Limits()) as container:
        if not container.streams.audio:
            received = container.format.name
            raise MediaError("no sound track", received=received, status="missing")
        stream = container.streams.audio[0]
        declared = _declared(container, stream)
        # FFmpeg's own mono is louder than the channels: it weighs them by .71 and more
        resampler = av.AudioResampler(format="fltp", layout=None, rate=rate)
        pieces: list[Floats] = []
        count = silent = 0
        start = stream_start(container)
        for frame in container.decode(stream):
            if count >= seconds * rate:
                break
            due = count if frame.time is None else int((frame.time - start) * rate)
            if due - count > _GAP_S * rate:
                gap = min(due, int(seconds * rate)) - count
                pieces.append(np.zeros(gap, np.float32))
                silent, count = silent + gap, count + gap
            for piece in resampler.resample(frame):
                pieces.append(piece.to_ndarray().mean(axis=0))
                count += piece.samples
    samples = np.concatenate(pieces)[: int(seconds * rate)] if pieces else np.zeros(0, np.float32)
    if not len(samples):
        raise MediaError("the sound has no samples")
    check_length(len(samples) / rate, declared + silent / rate, seconds)
    return np.nan_to_num(samples.astype(np.float32), copy=False, posinf=0, neginf=0)


def loudness(samples: Floats, rate: int) -> float:
    """Return the integrated loudness of mono samples in LUFS; silence is -inf.

    ITU-R BS.1770-4: K-weighting, blocks of 400 ms every 100 ms, gates at -70 and at 10 below.
    """
    # imported here: a decoding process that does not need it starts three times as fast
    from scipy.signal import lfilter

    weighted = samples.astype(np.float64)
    for numerator, denominator in _k_weighting(rate):
        weighted = lfilter(numerator, denominator, weighted)
    block, hop = int(0.4 * rate), int(0.1 * rate)
    padded = np.pad(weighted**2, (0, max(0, block - len(weighted))))
    sums = np.concatenate([[0.0], np.cumsum(padded)])
    starts = np.arange(0, len(padded) - block + 1, hop)
    power = (sums[starts + block] - sums[starts]) / block
    levels = -0.691 + 10 * np.log10(np.maximum(power, 1e-12))
    audible = power[levels > -70]
    if not len(audible):
        return float("-inf")
    gate = -0.691 + 10 * np.log10(audible.mean()) - 10
    return float(-0.691 + 10 * np.log10(power[(levels > -70) & (levels > gate)].mean()))


def level(samples: Floats, rate: int, *, lufs: float) -> Floats:
    """Return the samples at a loudness of `lufs`; silence stays silence, peaks stay below 1."""
    current = loudness(samples, rate)
    if not np.isfinite(current):
        return samples
    gain = 10 ** ((lufs - current) / 20)
    peak = float(np.abs(samples).max())
    return np.asarray(samples * min(gain, 1 / max(peak, 1e-9)), np.float32)


def windows(samples: Floats, *, length: int, most: int) -> Floats:
    """Return (w, length) at most `most` windows, spread evenly over the sound; the last is padded.

    >>> windows(np.arange(5, dtype=np.float32), length=3, most=2)
    array([[0., 1., 2.],
           [2., 3., 4.]], dtype=float32)
    """
    if len(samples) <= length:
        return np.pad(samples, (0, length - len(samples)))[None]
    count = min(most, -(-len(samples) // length))
    starts = np.linspace(0, len(samples) - length, count).astype(np.int64)
    return np.stack([samples[start : start + length] for start in starts])


def _declared(container: InputContainer, stream: av.AudioStream) -> float:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.streams.video:  # whose length the file declares
        return 0.0
    return (container.duration or 0) / av.time_base


def _k_weighting(rate: int) -> list[tuple[list[float], list[float]]]:
    """Return the two filters of BS.1770 for any rate, from their analogue form."""
    # head: a shelf of +4 dB above 1.7 kHz
    gain, quality, centre = 3.999843853973347, 0.7071752369554196, 1681.974450955533
    k = np.tan(np.pi * centre / rate)
    high = 10 ** (gain / 20)
    middle = high**0.4996667741545416
    norm = 1 + k / quality + k * k
    shelf = (
        [
            (high + middle * k / quality + k * k) / norm,
            2 * (k * k - high) / norm,
            (high - middle * k / quality + k * k) / norm,
        ],
        [1.0, 2 * (k * k - 1) / norm, (1 - k / quality + k * k) / norm],
    )
    # against rumble: a high-pass at 38 Hz
    quality, centre = 0.5003270373238773, 38.13547087602444
    k = np.tan(np.pi * centre / rate)
    norm = 1 + k / quality + k * k
    high_pass = ([1.0, -2.0, 1.0], [1.0, 2 * (k * k - 1) / norm, (1 - k / quality + k * k) / norm])
    return [shelf, high_pass]
