"""Decode videos to frames with their times, and to subtitles."""

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
from polyrec.media.image import Pixels, to_jpeg
from polyrec.media.text import clean_text
from polyrec.types import Raw

_CUT = 0.35  # share of pixels whose colour class changes between two shots


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

    No video stream, or far fewer frames than the file declares, raise `MediaError`.
    """

    def square(frame: av.VideoFrame) -> Pixels:
        return np.asarray(frame.reformat(size, size, "rgb24").to_ndarray(), np.uint8)

    return read_video(raw, square, rate=rate, seconds=seconds, limits=limits or Limits())


def read_video(
    raw: Raw,
    convert: Callable[[av.VideoFrame], Pixels],
    *,
    rate: float,
    seconds: float,
    limits: Limits,
) -> Video:
    """Return about `rate` frames per second of the first `seconds` s, converted."""
    with open_container(raw, limits) as container:
        stream = _video_stream(container)
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
                frames.append(convert(frame))
                times.append(last)
    if not frames:
        raise MediaError("the video has no frames")
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
        starts = np.append(shot_starts(video.frames), total)
        middles = (starts[:-1] + starts[1:] - 1) // 2
        longest = np.argsort(-np.diff(starts), kind="stable")[:count]
        # fewer shots than frames: evenly spread ones follow
        candidates = np.concatenate([middles[longest], chosen])
        first = np.sort(np.unique(candidates, return_index=True)[1])
        chosen = np.sort(candidates[first][:count])
        chosen = np.pad(chosen, (0, count - len(chosen)), mode="edge")
    return Video(video.frames[chosen], video.times[chosen])


def shot_starts(frames: Pixels) -> npt.NDArray[np.int64]:
    """Return the frames at which shots begin, 0 first: where colours change all over the frame."""
    classes = frames[:, ::4, ::4].astype(np.int16) // 64
    if len(classes) < 2:
        return np.zeros(1, np.int64)
    changed = (np.diff(classes, axis=0) != 0).any(axis=3).mean(axis=(1, 2))
    usual = np.median(changed)
    return np.concatenate([[0], np.flatnonzero(changed > max(_CUT, 3 * usual)) + 1])


def load_subtitles(raw: Raw, *, limits: Limits | None = None) -> list[Cue]:
    """Return the cues of the first subtitle stream of a video, an .srt or a .vtt file."""
    allowed = limits or Limits()
    with open_container(raw, allowed) as container:
        if not container.streams.subtitles:
            received = container.format.name
            raise MediaError("no subtitles", received=received, status="missing")
        stream = container.streams.subtitles[0]
        cues = [cue for packet in container.demux(stream) for cue in _cues(packet, allowed)]
    if not cues:
        raise MediaError("the subtitles have no text")
    return sorted(cues)


def video_thumbnail(raw: Raw, *, size: int, limits: Limits | None = None) -> bytes:
    """Return the frame at one second (or the last before it) as a JPEG within size x size."""
    allowed = limits or Limits()
    with open_container(raw, allowed) as container:
        stream = _video_stream(container)
        _check_pixels(stream, allowed)
        chosen = None
        for frame in container.decode(stream):
            chosen = frame
            if frame.time is not None and frame.time >= 1:
                break
        if chosen is None:
            raise MediaError("the video has no frames")
        return to_jpeg(Image.fromarray(chosen.to_ndarray(format="rgb24")), size=size)


def _video_stream(container: av.container.InputContainer) -> av.VideoStream:
    # the cover of a sound file is no video
    attached = av.stream.Disposition.attached_pic
    streams = [stream for stream in container.streams.video if not stream.disposition & attached]
    if not streams:
        received = container.format.name
        raise MediaError("no video stream", received=received, status="wrong type")
    return streams[0]


def _check_pixels(stream: av.VideoStream, limits: Limits) -> None:
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > limits.max_pixels:
        remedy = f"media.max_pixels allows {limits.max_pixels:,}"
        received = f"{width} x {height}"
        raise MediaError(
            "the frames are too large", received=received, remedy=remedy, status="too large"
        )


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
