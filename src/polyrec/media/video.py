"""Decode videos to a few frames on their time line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from polyrec.errors import MediaError
from polyrec.media.audio import check_length, opened
from polyrec.media.image import jpeg


@dataclass(frozen=True)
class Video:
    """Frames of a video at even times."""

    frames: npt.NDArray[np.uint8]  # (t, size, size, 3) RGB
    times: npt.NDArray[np.float64]  # (t,) s


def load_video(raw: Path | bytes, *, rate: float, size: int, seconds: float) -> Video:
    """Return about `rate` frames per second of the first `seconds` s, stretched to squares.

    No pictures, or far fewer than the file declares, raise `MediaError`.
    """
    with opened(raw) as container:
        if not container.streams.video:
            raise MediaError("no pictures", received=container.format.name)
        stream = container.streams.video[0]
        declared = (container.duration or 0) / 1e6
        frames: list[npt.NDArray[np.uint8]] = []
        times: list[float] = []
        last = 0.0
        for index, frame in enumerate(container.decode(stream)):
            last = float(frame.time) if frame.time is not None else index / 25
            if last >= seconds:
                break
            if last + 1e-6 >= len(times) / rate:
                picture = frame.reformat(size, size, "rgb24").to_ndarray()
                frames.append(np.asarray(picture, np.uint8))
                times.append(last)
    if not frames:
        raise MediaError("a video without frames")
    check_length(last + 1 / rate, declared, seconds)
    return Video(np.stack(frames), np.array(times))


def thumbnail(raw: Path | bytes, *, size: int) -> bytes:
    """Return the frame at one second (or the last before it) as a JPEG within size x size."""
    with opened(raw) as container:
        picture = None
        for frame in container.decode(video=0):
            picture = frame
            if frame.time is not None and frame.time >= 1:
                break
        if picture is None:
            raise MediaError("a video without frames")
        image = Image.fromarray(picture.to_ndarray(format="rgb24"))
        return jpeg(image, size=size)
