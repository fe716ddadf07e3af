"""Streams over time: onsets of sound, motion of frames, density of subtitles, sensors."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
from PIL import Image

from polyrec.config import Limits
from polyrec.errors import MediaError
from polyrec.media.image import Pixels
from polyrec.media.source import open_content
from polyrec.media.timeline import Stream
from polyrec.media.video import Cue, Video
from polyrec.types import Floats, Raw

_WINDOW_S = 0.023
_HOP_S = 0.01
_BANDS = 24


def onset_strength(samples: Floats, rate: int) -> Stream:
    """Return (t, 1) how much louder each 10 ms are than those before, summed over bands.

    Half-wave rectified flux of log energies in bands that are evenly spaced on a logarithmic scale.
    """
    window, hop = int(_WINDOW_S * rate), int(_HOP_S * rate)
    padded = np.pad(samples, (window // 2, max(0, window - len(samples)) + window))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(window).astype(np.float32), axis=1)) ** 2
    edges = np.unique(np.geomspace(2, spectrum.shape[1], _BANDS + 1).astype(np.int64))
    bands = np.add.reduceat(spectrum, edges[:-1], axis=1)
    levels = np.log(bands + 1e-3 * bands.mean() + 1e-9)
    rise = np.maximum(np.diff(levels, axis=0, prepend=levels[:1]), 0).sum(axis=1)
    return Stream.of(rise, times=np.arange(len(rise)) * hop / rate)


def motion_energy(video: Video) -> Stream:
    """Return (t, 1) the mean absolute difference of neighbouring frames, midway between them."""
    grey = video.frames.astype(np.float32).mean(axis=3) / 255
    change = np.abs(np.diff(grey, axis=0)).mean(axis=(1, 2))
    return Stream.of(change, times=(video.times[1:] + video.times[:-1]) / 2)


def cue_density(cues: Sequence[Cue], *, length_s: float) -> Stream:
    """Return (t, 1) the characters per second shown, every tenth of a second."""
    times = np.arange(0, length_s, 0.1)
    density = np.zeros(len(times))
    for cue in cues:
        shown = (times >= cue.start) & (times < cue.end)
        density[shown] += len(cue.text) / max(cue.end - cue.start, 0.1)
    return Stream.of(density, times=times)


def read_sensors(raw: Raw, *, limits: Limits | None = None) -> dict[str, Stream]:
    """Return one stream per column of a csv with `time` in s, the other columns numbers.

    Cells that are not numbers are gaps. No `time`, a time that is not a number, or no other column
    raises `MediaError`.
    """
    with open_content(raw, limits or Limits()) as file:
        content = file.read()
    try:
        table = pl.read_csv(io.BytesIO(content), infer_schema=False)
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0][:120]
        raise MediaError("not a csv table", received=reason, status="wrong type") from error
    if "time" not in table.columns or len(table.columns) < 2:
        received = ", ".join(table.columns)[:120]
        remedy = "it needs a column time, and others"
        raise MediaError("not a sensor table", received=received, remedy=remedy)
    numbers = table.with_columns(pl.all().str.strip_chars().cast(pl.Float64, strict=False))
    times = numbers["time"].to_numpy()
    if not len(times) or not np.isfinite(times).all():
        raise MediaError("a time is not a number", remedy="times are in seconds")
    return {
        name: Stream.of(numbers[name].to_numpy(), times=times)
        for name in table.columns
        if name != "time"
    }


def crop_regions(image: Pixels, boxes: npt.ArrayLike, *, canvas: int) -> npt.NDArray[np.uint8]:
    """Return (r, canvas, canvas, 3) regions of an image, each scaled to the canvas.

    Boxes (r, 4) are left, top, width, height in 0..1 of the image; they are clipped to it, an empty
    one raises `MediaError`.
    """
    height, width = image.shape[:2]
    source = Image.fromarray(image)
    regions = []
    for left, top, wide, high in np.asarray(boxes, np.float64).reshape(-1, 4):
        edges = np.array([left, top, left + wide, top + high]).clip(0, 1)
        box = edges * [width, height, width, height]
        if not (np.isfinite(edges).all() and box[2] - box[0] >= 1 and box[3] - box[1] >= 1):
            received = [float(x) for x in (left, top, wide, high)]
            remedy = "left, top, width, height in 0..1"
            raise MediaError("an empty region", received=received, remedy=remedy)
        region = source.resize((canvas, canvas), Image.Resampling.BILINEAR, box=tuple(box))
        regions.append(np.asarray(region))
    return np.stack(regions) if regions else np.zeros((0, canvas, canvas, 3), np.uint8)
