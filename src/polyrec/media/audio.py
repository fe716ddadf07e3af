"""Decode sound to mono samples."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer

from polyrec.errors import MediaError
from polyrec.types import Floats

SHORTEST_SHARE = 0.8  # of the declared length: less than that was decoded from a cut file


@contextmanager
def opened(raw: Path | bytes) -> Iterator[InputContainer]:
    """Open a media container; anything FFmpeg stumbles over becomes `MediaError`."""
    try:
        source = io.BytesIO(raw) if isinstance(raw, bytes) else str(raw)
        with av.open(source, mode="r") as container:
            yield container
    except (av.FFmpegError, ValueError, OSError, EOFError) as error:
        raise MediaError("not a whole sound or video", received=str(error)[:120]) from error


def load_audio(raw: Path | bytes, *, rate: int, seconds: float) -> Floats:
    """Return (samples,) mono float32 at `rate` Hz, of the first `seconds` s, full scale 1.

    No sound track, no samples, or far fewer than the file declares raise `MediaError`.
    """
    with opened(raw) as container:
        if not container.streams.audio:
            raise MediaError("no sound track", received=container.format.name)
        stream = container.streams.audio[0]
        declared = _declared(container, stream)
        resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
        pieces: list[Floats] = []
        count = 0
        for frame in container.decode(stream):
            for piece in resampler.resample(frame):
                pieces.append(piece.to_ndarray()[0])
                count += piece.samples
            if count >= seconds * rate:
                break
    samples = np.concatenate(pieces)[: int(seconds * rate)] if pieces else np.zeros(0, np.float32)
    if not len(samples):
        raise MediaError("a sound without samples")
    check_length(len(samples) / rate, declared, seconds)
    return np.nan_to_num(samples.astype(np.float32), copy=False, posinf=0, neginf=0)


def check_length(decoded: float, declared: float, limit: float) -> None:
    """Raise `MediaError` where far less was decoded than the file declares (all in s)."""
    expected = min(declared, limit)
    if decoded < SHORTEST_SHARE * expected - 0.25:
        remedy = f"the file declares {declared:.1f} s: get a whole copy"
        raise MediaError("truncated", received=f"{decoded:.1f} s", remedy=remedy)


def _declared(container: InputContainer, stream: av.AudioStream) -> float:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / av.time_base
