"""Decode videos to a few frames on their time line, and to the subtitles that they carry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from polyrec.config import Limits
from polyrec.errors import MediaError
from polyrec.media.container import check_length, open_container
from polyrec.media.image import Pixels, jpeg
from polyrec.media.text import clean_text
from polyrec.types import Raw

_CUT = 0.35  # share of pixels that change their colour class where one shot ends


@dataclass(frozen=True)
class Video:
    """Frames of a video at even times."""

    frames: Pixels  # (t, h, w, 3) RGB
    times: npt.NDArray[np.float64]  # (t,) s


class Cue(NamedTuple):
    """A piece of text and when it is shown, in s."""

    start: float
    end: float
    text: str


def load_video(
    raw: Raw, *, rate: float, size: int, seconds: float, limits: Limits | None = None
) -> Video:
    """Return about `rate` frames per second of the first `seconds` s, stretched to squares.

    No pictures, or far fewer than the file declares, raise `MediaError`.
    """

    def square(frame: av.VideoFrame) -> Pixels:
        return np.asarray(frame.reformat(size, size, "rgb24").to_ndarray(), np.uint8)

    return read_video(raw, square, rate=rate, seconds=seconds, limits=limits or Limits())


def read_video(
    raw: Raw,
    picture: Callable[[av.VideoFrame], Pixels],
    *,
    rate: float,
    seconds: float,
    limits: Limits,
) -> Video:
    """Return about `rate` frames per second of the first `seconds` s, as `picture` makes them."""
    with open_container(raw, limits) as container:
        stream = _pictures(container)
        _check_pixels(stream, limits)
        declared = (container.duration or 0) / av.time_base
        frames: list[Pixels] = []
        times: list[float] = []
        last = 0.0
        for index, frame in enumerate(container.decode(stream)):
            last = float(frame.time) if frame.time is not None else index / 25
            if last >= seconds:
                break
            if last + 1e-6 >= len(times) / rate:
                frames.append(picture(frame))
                times.append(last)
    if not frames:
        raise MediaError("a video without frames")
    check_length(last + 1 / rate, declared, seconds)
    return Video(np.stack(frames), np.array(times))


def pick_frames(video: Video, count: int, *, by_shot: bool = False) -> Video:
    """Return `count` frames: spread evenly, or the middle of each shot first.

    A video with fewer frames repeats its own.

    >>> clip = Video(np.zeros((5, 4, 4, 3), np.uint8), np.arange(5.0))
    >>> pick_frames(clip, 3).times
    array([0., 2., 4.])
    """
    total = len(video.times)
    chosen = np.linspace(0, total - 1, count).round().astype(np.int64)
    if by_shot and total > count:
        starts = np.append(shots(video.frames), total)
        middles = (starts[:-1] + starts[1:] - 1) // 2
        longest = np.argsort(-np.diff(starts), kind="stable")[:count]
        # what the shots leave open is filled with the evenly spread frames
        pool = np.concatenate([middles[longest], chosen])
        chosen = np.sort(pool[np.sort(np.unique(pool, return_index=True)[1])][:count])
        chosen = np.pad(chosen, (0, count - len(chosen)), mode="edge")
    return Video(video.frames[chosen], video.times[chosen])


def shots(frames: Pixels) -> npt.NDArray[np.int64]:
    """Return where shots begin, the first being 0: there the colours change all over the frame."""
    classes = frames[:, ::4, ::4].astype(np.int16) // 64
    if len(classes) < 2:
        return np.zeros(1, np.int64)
    changed = (np.diff(classes, axis=0) != 0).any(axis=3).mean(axis=(1, 2))
    usual = np.median(changed)
    return np.concatenate([[0], np.flatnonzero(changed > max(_CUT, 3 * usual)) + 1])


def load_subtitles(raw: Raw, *, limits: Limits | None = None) -> list[Cue]:
    """Return the cues of the first subtitle stream: of a video, an .srt or a .vtt file."""
    allowed = limits or Limits()
    with open_container(raw, allowed) as container:
        if not container.streams.subtitles:
            told = container.format.name
            raise MediaError("no subtitles", received=told, status="missing")
        stream = container.streams.subtitles[0]
        found = [cue for packet in container.demux(stream) for cue in _cues(packet, allowed)]
    if not found:
        raise MediaError("subtitles without text")
    return sorted(found)


def thumbnail(raw: Raw, *, size: int, limits: Limits | None = None) -> bytes:
    """Return the frame at one second (or the last before it) as a JPEG within size x size."""
    allowed = limits or Limits()
    with open_container(raw, allowed) as container:
        stream = _pictures(container)
        _check_pixels(stream, allowed)
        picture = None
        for frame in container.decode(stream):
            picture = frame
            if frame.time is not None and frame.time >= 1:
                break
        if picture is None:
            raise MediaError("a video without frames")
        image = Image.fromarray(picture.to_ndarray(format="rgb24"))
        return jpeg(image, size=size)


def _pictures(container: av.container.InputContainer) -> av.VideoStream:
    # a sound file's cover is a picture, not a film
    attached = av.stream.Disposition.attached_pic
    films = [stream for stream in container.streams.video if not stream.disposition & attached]
    if not films:
        told = container.format.name
        raise MediaError("no pictures", received=told, status="wrong type")
    return films[0]


def _check_pixels(stream: av.VideoStream, limits: Limits) -> None:
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > limits.max_pixels:
        remedy = f"media.max_pixels allows {limits.max_pixels:,}"
        told = f"{width} x {height}"
        raise MediaError("too large a frame", received=told, remedy=remedy, status="too large")


def _cues(packet: av.Packet[Any], limits: Limits) -> Iterator[Cue]:
    if packet.pts is None or packet.time_base is None:
        return
    start = float(packet.pts * packet.time_base)
    length = float((packet.duration or 0) * packet.time_base)
    for subtitle in packet.decode():
        text = getattr(subtitle, "dialogue", b"") or getattr(subtitle, "ass", b"")
        plain = text.decode("utf-8", errors="replace") if isinstance(text, bytes) else str(text)
        try:
            yield Cue(start, start + length, clean_text(plain.replace("\\N", " "), limits))
        except MediaError:
            continue
