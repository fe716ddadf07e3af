"""Frames, sound, subtitles and sensors of a video on one grid of windows, pooled over time."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from polyrec.config import Limits
from polyrec.contracts import part
from polyrec.encode.audio.log_mel import BANDS, HOP, RATE, log_mel
from polyrec.encode.base import PerItemEncoder
from polyrec.encode.image.descriptor import DESCRIPTOR_WIDTH, describe_pixels
from polyrec.errors import MediaError
from polyrec.index.vectors import unit_vector
from polyrec.media.audio import load_audio
from polyrec.media.source import reopenable
from polyrec.media.streams import motion_energy, onset_strength, read_sensors
from polyrec.media.text import tokens
from polyrec.media.timeline import Stream, find_shift, on_grid, pool, shifted
from polyrec.media.video import Cue, Video, load_subtitles, load_video
from polyrec.types import Floats, Raw

_WORDS = 64  # columns that words of subtitles are hashed to
_WIDTHS = {"pictures": DESCRIPTOR_WIDTH, "motion": 1, "sound": BANDS, "onsets": 1, "words": _WORDS}
_MIN_CONFIDENCE = 0.3  # with which a shift of the sound is corrected
_SUBTITLES = (".srt", ".vtt")

Streams = dict[str, Stream]


@part
class Timeline(PerItemEncoder):
    """Features of windows, each stream's pooled over those in which it is present.

    Streams: descriptors of frames, motion, log-mel bands, onsets, the words of subtitles (hashed),
    and the columns that `sensors` names of a csv of the same name beside the video, with `time` in
    s. Subtitles may be such a file, too (.srt, .vtt). A window without data of a stream is a gap,
    masked. Pooling: mean, maximum, or attention: a softmax over the windows of how much motion and
    onsets there are. Then the correlation of motion and onsets over the windows, and which streams
    there are. With `resync` the sound is first shifted to match the frames, if the shift can be
    estimated with some confidence.

    >>> Timeline(sensors=("heart",)).width
    406
    """

    version: ClassVar[int] = 3  # 3: silence before a late start, mirrored frames

    hop_s: float = 1.0  # of the windows
    pooling: Literal["mean", "maximum", "attention"] = "mean"
    rate: float = 5.0  # frames per second
    seconds: float = 30.0  # of each video, from its start
    sensors: tuple[str, ...] = ()
    resync: bool = False
    modality: str = "video"

    sidecars: ClassVar[tuple[str, ...]] = (".csv", *_SUBTITLES)

    @property
    def width(self) -> int:
        """Return d."""
        return sum(self._widths.values()) + len(self._widths) + 1

    @property
    def _widths(self) -> dict[str, int]:
        return {**_WIDTHS, **{f"sensor {name}": 1 for name in self.sensors}}

    def encode_one(self, raw: Raw, limits: Limits) -> Floats:
        """Return the (d,) row of one video."""
        content = reopenable(raw, limits)
        video = load_video(content, rate=self.rate, size=64, seconds=self.seconds, limits=limits)
        streams = _frame_streams(video)
        streams |= _sound_streams(content, self.seconds, limits)
        streams |= _word_stream(content, limits)
        if self.sensors and isinstance(content, Path):
            streams |= _sensor_streams(content, self.sensors, limits)
        if self.resync:
            streams = _resynced(streams)
        length = float(video.times[-1]) + 1 / self.rate
        return self.pooled(on_grid(streams, hop_s=self.hop_s, length_s=length))

    def pooled(self, grid: Mapping[str, Stream]) -> Floats:
        """Return the (d,) row of streams on one grid; missing streams are 0."""
        activity = _activity(grid)
        blocks = [
            _pooled(grid.get(name), width, self.pooling, activity)
            for name, width in self._widths.items()
        ]
        flags = [float(name in grid and bool(grid[name].present.any())) for name in self._widths]
        return np.concatenate([*blocks, flags, [_synchrony(grid)]]).astype(np.float32)


def _frame_streams(video: Video) -> Streams:
    frames = np.stack([describe_pixels(frame) for frame in video.frames])
    streams = {"pictures": Stream.of(frames, times=video.times)}
    return streams | ({"motion": motion_energy(video)} if len(video.times) > 1 else {})


def _sound_streams(content: Raw, seconds: float, limits: Limits) -> Streams:
    try:
        samples = load_audio(content, rate=RATE, seconds=seconds, limits=limits)
    except MediaError:
        return {}
    bands = log_mel(samples) / 4 + 1
    times = np.arange(len(bands)) * HOP / RATE
    return {"sound": Stream.of(bands, times=times), "onsets": onset_strength(samples, RATE)}


def _word_stream(content: Raw, limits: Limits) -> Streams:
    files = [content.with_suffix(end) for end in _SUBTITLES] if isinstance(content, Path) else []
    for source in [*(file for file in files if file.is_file()), content]:
        try:
            return cue_words(load_subtitles(source, limits=limits))
        except MediaError:
            continue
    return {}


def _sensor_streams(video: Path, names: Sequence[str], limits: Limits) -> Streams:
    """Return the columns named; a column or csv that can't be read is a gap."""
    file = video.with_suffix(".csv")
    try:
        columns = read_sensors(file, limits=limits) if file.is_file() else {}
    except MediaError:
        return {}
    return {f"sensor {name}": columns[name] for name in names if name in columns}


def cue_words(cues: Sequence[Cue]) -> Streams:
    """Return the words shown every tenth of a second, hashed to 64 columns with a sign each."""
    rows, times = [], []
    for cue in cues:
        row = np.zeros(_WORDS, np.float32)
        for word in tokens(cue.text, most=1000):
            code = zlib.crc32(word.encode())
            row[code % _WORDS] += 1 if code & 0x8000 else -1
        shown = np.arange(cue.start, max(cue.end, cue.start + 0.1), 0.1)
        rows += [unit_vector(row)] * len(shown)
        times += shown.tolist()
    return {"words": Stream.of(np.stack(rows), times=times)} if rows else {}


def _resynced(streams: Streams) -> Streams:
    if "motion" not in streams or "onsets" not in streams:
        return streams
    shift = find_shift(streams["motion"], streams["onsets"])
    if shift.confidence < _MIN_CONFIDENCE:
        return streams
    return streams | {name: shifted(streams[name], shift) for name in ("sound", "onsets")}


def _activity(grid: Mapping[str, Stream]) -> Floats:
    """Return (t,) the sum of the standard scores of motion and onsets in each window."""
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


def _pooled(stream: Stream | None, width: int, pooling: str, activity: Floats) -> Floats:
    if stream is None or not stream.present.any():
        return np.zeros(width, np.float32)
    if pooling != "attention":
        return pool(stream, "maximum" if pooling == "maximum" else "mean")
    scores = activity[stream.present]
    weights = np.exp(scores - scores.max())
    return np.asarray(weights @ stream.values[stream.present] / weights.sum(), np.float32)


def _synchrony(grid: Mapping[str, Stream]) -> float:
    """Return the correlation of motion and onsets over the windows that have both."""
    if "motion" not in grid or "onsets" not in grid:
        return 0.0
    shared = grid["motion"].present & grid["onsets"].present
    motion, onsets = (
        grid[name].values[shared, 0].astype(np.float64) for name in ("motion", "onsets")
    )
    if len(motion) < 3 or motion.std() < 1e-9 or onsets.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(motion, onsets)[0, 1])
