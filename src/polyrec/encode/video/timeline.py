"""What happens together in a video: pictures, sound, subtitles and sensors on one grid."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from polyrec.config import Limits
from polyrec.encode.audio.spectral import HOP, RATE, log_mel
from polyrec.encode.base import PerItem
from polyrec.encode.image.descriptor import describe_pixels
from polyrec.errors import MediaError
from polyrec.index.vectors import unit_vector
from polyrec.media.audio import load_audio
from polyrec.media.source import reopenable
from polyrec.media.streams import motion_energy, onset_strength, read_sensors
from polyrec.media.text import tokens
from polyrec.media.timeline import Stream, find_shift, on_grid, pool, shifted
from polyrec.media.video import Cue, Video, load_subtitles, load_video
from polyrec.types import Floats, Raw

_WORDS = 64  # places that words of subtitles are hashed to
_WIDTHS = {"pictures": 268, "motion": 1, "sound": 64, "onsets": 1, "words": _WORDS}
_SURE = 0.3  # confidence from which a shift of the sound is believed
_SUBTITLES = (".srt", ".vtt")

Streams = dict[str, Stream]


@dataclass
class Timeline(PerItem):
    """Features of windows, each stream's pooled over those in which it has something.

    Streams: descriptors of frames, motion, log-mel bands, onsets, the words of subtitles (hashed),
    and the columns that `sensors` names of a csv beside the video, same name, with `time` in s.
    Subtitles may lie beside it, too (.srt, .vtt). A window in which a stream has nothing is a gap
    of it, masked. Pooling: mean, maximum, or attention: softmax over the windows of how much
    happens there, motion and onsets together. Then how motion and onsets correlate over the
    windows, and which streams there are. With `resync` the sound is first brought onto the
    pictures' clock, where it is found there with some confidence.

    >>> Timeline(sensors=("heart",)).width
    406
    """

    hop_s: float = 1.0  # of the windows
    pooling: Literal["mean", "maximum", "attention"] = "mean"
    rate: float = 5.0  # frames per second that are looked at
    seconds: float = 30.0  # of each video
    sensors: tuple[str, ...] = ()
    resync: bool = False
    modality: str = "video"

    beside: ClassVar[tuple[str, ...]] = (".csv", *_SUBTITLES)

    @property
    def width(self) -> int:
        """Return d."""
        return sum(self._widths.values()) + len(self._widths) + 1

    @property
    def _widths(self) -> dict[str, int]:
        return {**_WIDTHS, **{f"sensor {name}": 1 for name in self.sensors}}

    def describe(self, raw: Raw, limits: Limits) -> Floats:
        """Return the (d,) row of one video."""
        content = reopenable(raw, limits)
        video = load_video(content, rate=self.rate, size=64, seconds=self.seconds, limits=limits)
        streams = _seen(video) | _heard(content, self.seconds, limits) | _read(content, limits)
        if self.sensors and isinstance(content, Path):
            streams |= _sensed(content, self.sensors, limits)
        if self.resync:
            streams = _resynced(streams)
        length = float(video.times[-1]) + 1 / self.rate
        return self.pooled(on_grid(streams, hop_s=self.hop_s, length_s=length))

    def pooled(self, grid: Mapping[str, Stream]) -> Floats:
        """Return the (d,) row of streams on one grid; those that are not there are 0."""
        happens = _standing_out(grid)
        blocks = [_pooled(grid.get(n), w, self.pooling, happens) for n, w in self._widths.items()]
        there = [float(n in grid and bool(grid[n].present.any())) for n in self._widths]
        return np.concatenate([*blocks, there, [_together(grid)]]).astype(np.float32)


def _seen(video: Video) -> Streams:
    pictures = np.stack([describe_pixels(frame) for frame in video.frames])
    found = {"pictures": Stream.of(pictures, times=video.times)}
    return found | ({"motion": motion_energy(video)} if len(video.times) > 1 else {})


def _heard(content: Raw, seconds: float, limits: Limits) -> Streams:
    try:
        samples = load_audio(content, rate=RATE, seconds=seconds, limits=limits)
    except MediaError:
        return {}
    bands = log_mel(samples) / 4 + 1
    times = np.arange(len(bands)) * HOP / RATE
    return {"sound": Stream.of(bands, times=times), "onsets": onset_strength(samples, RATE)}


def _read(content: Raw, limits: Limits) -> Streams:
    files = [content.with_suffix(end) for end in _SUBTITLES] if isinstance(content, Path) else []
    for source in [*(file for file in files if file.is_file()), content]:
        try:
            return cue_words(load_subtitles(source, limits=limits))
        except MediaError:
            continue
    return {}


def _sensed(video: Path, names: Sequence[str], limits: Limits) -> Streams:
    """Return the columns named; what a csv beside a video lacks, or no csv, is a gap."""
    file = video.with_suffix(".csv")
    try:
        found = read_sensors(file, limits=limits) if file.is_file() else {}
    except MediaError:
        return {}
    return {f"sensor {name}": found[name] for name in names if name in found}


def cue_words(cues: Sequence[Cue]) -> Streams:
    """Return which words are shown, every tenth of a second: each a sign at a place of its own."""
    rows, times = [], []
    for cue in cues:
        row = np.zeros(_WORDS, np.float32)
        for word in tokens(cue.text, most=1000):
            code = zlib.crc32(word.encode())
            row[code % _WORDS] += 1 if code & 0x8000 else -1
        here = np.arange(cue.start, max(cue.end, cue.start + 0.1), 0.1)
        rows += [unit_vector(row)] * len(here)
        times += here.tolist()
    return {"words": Stream.of(np.stack(rows), times=times)} if rows else {}


def _resynced(streams: Streams) -> Streams:
    if "motion" not in streams or "onsets" not in streams:
        return streams
    shift = find_shift(streams["motion"], streams["onsets"])
    if shift.confidence < _SURE:
        return streams
    return streams | {name: shifted(streams[name], shift) for name in ("sound", "onsets")}


def _standing_out(grid: Mapping[str, Stream]) -> Floats:
    """Return (t,) how much more than usual happens in each window, motion and onsets together."""
    count = len(next(iter(grid.values())))
    total = np.zeros(count, np.float32)
    for name in ("motion", "onsets"):
        if name in grid and grid[name].present.any():
            stream = grid[name]
            level = stream.values[:, 0]
            known = level[stream.present]
            spread = max(float(known.std()), 1e-9)
            total += np.where(stream.present, (level - known.mean()) / spread, 0)
    return total


def _pooled(stream: Stream | None, width: int, how: str, happens: Floats) -> Floats:
    if stream is None or not stream.present.any():
        return np.zeros(width, np.float32)
    if how != "attention":
        return pool(stream, "maximum" if how == "maximum" else "mean")
    scores = happens[stream.present]
    weights = np.exp(scores - scores.max())
    return np.asarray(weights @ stream.values[stream.present] / weights.sum(), np.float32)


def _together(grid: Mapping[str, Stream]) -> float:
    """Return the correlation of motion and onsets over the windows that have both."""
    if "motion" not in grid or "onsets" not in grid:
        return 0.0
    both = grid["motion"].present & grid["onsets"].present
    one, two = (grid[name].values[both, 0].astype(np.float64) for name in ("motion", "onsets"))
    if len(one) < 3 or one.std() < 1e-9 or two.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(one, two)[0, 1])
