"""Decode videos to frames with their times, and to subtitles."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from polyrec.config import Limits
from polyrec.errors import MediaError
from polyrec.media.container import check_length, open_container, stream_start
from polyrec.media.image import Pixels, to_jpeg
from polyrec.media.text import clean_text
from polyrec.types import Raw

_DEFAULT_RATE = 25  # frames per second of streams without times
_TOLERANCE = 1e-6  # s
_CUT = 0.35  # share of pixels whose colour class changes between two shots


@dataclass(frozen=True)
class Video:
    """Upright frames of a video at even times."""

    frames: Pixels  # (t, h, w, 3) RGB
    times: npt.NDArray[np.float64]  # (t,) s from the start of the file's streams


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
        start = stream_start(container)
        frames: list[Pixels] = []
        times: list[float] = []
        last = 0.0
        ticks = Ticks(1 / rate)
        for index, frame in enumerate(container.decode(stream)):
            last = index / _DEFAULT_RATE if frame.time is None else float(frame.time) - start
            if last >= seconds:
                break
            if ticks.is_due(last):
                frames.append(_upright(convert(frame), frame))
                times.append(last)
    if not frames:
        raise MediaError("the video has no frames")
    # some formats declare the time of the end, others the length
    check_length(last + start + 1 / rate, declared, seconds)
    return Video(np.stack(frames), np.array(times))


class Ticks:
    """Picks frames that lie `step` seconds apart, whenever the clock starts and jumps.

    >>> ticks = Ticks(1.0)
    >>> [time for time in (0.5, 1.0, 1.6, 2.5, 7.0, 7.9, 8.0) if ticks.is_due(time)]
    [0.5, 1.6, 2.5, 7.0, 8.0]
    """

    def __init__(self, step: float) -> None:
        self._step = step
        self._due = -math.inf

    def is_due(self, time: float) -> bool:
        """Return whether the frame at `time` is picked; times ascend."""
        late = time - self._due
        if late < -_TOLERANCE:
            return False
        # after a gap, and at the start, the steps are counted anew
        self._due = time + self._step if late > self._step / 2 else self._due + self._step
        return True


def _upright(pixels: Pixels, frame: av.VideoFrame) -> Pixels:
    """Return pixels turned and mirrored as the file's display matrix says, in steps of 90 degrees.

    The matrix maps x, y to a x + c y, b x + d y.
    """
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return pixels
    a, b, _, c, d = (int(value) for value in np.frombuffer(bytes(data), np.int32)[:5])
    if abs(a) < abs(b):  # columns become rows
        pixels, a, d = pixels.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


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
        start = stream_start(container)
        cues = [cue for packet in container.demux(stream) for cue in _cues(packet, start, allowed)]
    if not cues:
        raise MediaError("the subtitles have no text")
    return sorted(cues)


def video_thumbnail(raw: Raw, *, size: int, limits: Limits | None = None) -> bytes:
    """Return the frame at one second (or the last before it) as a JPEG within size x size."""
    allowed = limits or Limits()
    with open_container(raw, allowed) as container:
        stream = _video_stream(container)
        _check_pixels(stream, allowed)
        start, chosen = stream_start(container), None
        for frame in container.decode(stream):
            chosen = frame
            if frame.time is not None and frame.time - start >= 1:
                break
        if chosen is None:
            raise MediaError("the video has no frames")
        pixels = _upright(np.asarray(chosen.to_ndarray(format="rgb24"), np.uint8), chosen)
        return to_jpeg(Image.fromarray(pixels), size=size)


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


def _cues(packet: av.Packet[Any], origin: float, limits: Limits) -> Iterator[Cue]:
    if packet.pts is None or packet.time_base is None:
        return
    start = float(packet.pts * packet.time_base) - origin
    length = float((packet.duration or 0) * packet.time_base)
    for subtitle in packet.decode():
        text = getattr(subtitle, "dialogue", b"") or getattr(subtitle, "ass", b"")
        plain = text.decode("utf-8", errors="replace") if isinstance(text, bytes) else str(text)
        try:
            yield Cue(start, start + length, clean_text(plain.replace("\\N", " "), limits))
        except MediaError:
            continue
