"""Align streams over time: offset and drift between two of them, one grid for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.signal import fftconvolve
from scipy.stats import theilslopes

from polyrec.types import Bools, Floats

Doubles = npt.NDArray[np.float64]

STEP_S = 0.01  # of the clock on which offsets are searched
_PEAK_DISTANCE_S = 0.25  # at which another peak counts as separate
_MIN_OVERLAP = 0.3  # of the shorter stream
_SMOOTH_S = 0.04  # two streams of one event seldom peak in the same hundredth of a second
_DRIFTS = np.arange(-0.03, 0.0301, 0.0025)


@dataclass(frozen=True)
class Stream:
    """Rows of numbers over time; a row that is not present is a gap.

    >>> Stream.of([0.0, 1.0], times=[0.5, 1.5]).present
    array([ True,  True])
    """

    values: Floats  # (t, d)
    times: Doubles  # (t,) s, ascending
    present: Bools  # (t,)

    @classmethod
    def of(cls, values: npt.ArrayLike, *, times: npt.ArrayLike) -> Stream:
        """Return a stream; rows that are not finite are gaps."""
        rows = np.asarray(values, np.float32)
        rows = rows[:, None] if rows.ndim == 1 else rows
        finite: Bools = np.asarray(np.isfinite(rows).all(axis=1))
        order = np.argsort(np.asarray(times, np.float64), kind="stable")
        clean = np.where(finite[:, None], rows, np.float32(0))
        return cls(clean[order], np.asarray(times, np.float64)[order], finite[order])

    def __len__(self) -> int:
        return len(self.times)


class Shift(NamedTuple):
    """An event at t in the first stream is at offset_s + (1 + drift) t in the second."""

    offset_s: float
    drift: float  # .02: the second is 2% slower
    confidence: float  # 0..1: how far the best peak stands out from the next best


def find_shift(first: Stream, second: Stream, *, most_s: float = 5.0, drifts: bool = True) -> Shift:
    """Return the shift of the second stream against the first, by normalised cross-correlation.

    Both on a clock of 10 ms, gaps and means at 0. For each drift of -3% to 3% (without `drifts`, 0
    alone) the correlation at every offset up to `most_s` is divided by the energy of the overlap;
    the best is refined by parabolas in both directions. The confidence is 0 for constant streams
    and for streams without a gap-free overlap. Cost: 25 transforms of the streams' length.
    """
    candidates = _DRIFTS if drifts else np.zeros(1)
    reference = _on_clock(first, 0.0)
    correlations = [
        _correlation(reference, _on_clock(second, float(drift)), most_s) for drift in candidates
    ]
    peaks = [float(scores.max(initial=0.0)) for scores, _ in correlations]
    best = int(np.argmax(peaks))
    scores, lags = correlations[best]
    if peaks[best] <= 1e-6:
        return Shift(0.0, 0.0, 0.0)
    top = int(np.argmax(scores))
    offset = (lags[top] + _vertex(scores, top)) * STEP_S
    drift = float(candidates[best])
    if 0 < best < len(candidates) - 1:
        drift += _vertex(np.array(peaks), best) * float(candidates[1] - candidates[0])
    away = np.abs(lags - lags[top]) * STEP_S > _PEAK_DISTANCE_S
    next_best = float(scores[away].max(initial=0.0))
    confidence = min(1.0, (peaks[best] - next_best) / peaks[best])
    # the second stream was read at (1 + drift) its speed: its own offset is longer by as much
    return Shift(float(offset * (1 + drift)), drift, confidence)


def warp_shift(
    first: Stream, second: Stream, *, step_s: float = 0.05, band_s: float = 4.0
) -> Shift:
    """Return the shift of the line through the path of dynamic time warping.

    Sakoe & Chiba (1978), |a_i - b_j| on standardised values, at most `band_s` off the diagonal; the
    line is Theil & Sen's, robust to outliers. Coarser than `find_shift`, and without the assumption
    of one drift: the confidence is the share of the path within three steps of the line.
    """
    a, b = (_standardized(_on_clock(stream, 0.0, step_s)) for stream in (first, second))
    if not a.any() or not b.any():
        return Shift(0.0, 0.0, 0.0)
    path = _path(a, b, max(2, int(band_s / step_s)))
    sample = path[:: max(1, len(path) // 400)]
    slope, start, _, _ = theilslopes(sample[:, 1], sample[:, 0])
    near = np.abs(path[:, 1] - (start + slope * path[:, 0])) <= 3
    return Shift(float(start * step_s), float(slope - 1), float(near.mean()))


def on_grid(
    streams: Mapping[str, Stream], *, hop_s: float = 1.0, length_s: float | None = None
) -> dict[str, Stream]:
    """Return all streams on the same windows of `hop_s`: the mean of the rows in each.

    A window without rows of a stream is a gap, never filled. The windows end with the longest
    stream, or at `length_s`.
    """
    ends = [float(s.times[-1]) for s in streams.values() if len(s)]
    total = length_s if length_s is not None else max(ends, default=0.0) + 1e-9
    count = max(1, int(np.ceil(total / hop_s)))
    times = np.arange(count, dtype=np.float64) * hop_s
    grid = {}
    for name, stream in streams.items():
        window = np.floor(stream.times / hop_s).astype(np.int64)
        used = stream.present & (window >= 0) & (window < count)
        counts = np.bincount(window[used], minlength=count)
        sums = np.zeros((count, stream.values.shape[1]))
        np.add.at(sums, window[used], stream.values[used])
        means = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
        grid[name] = Stream(means, times, counts > 0)
    return grid


def shifted(stream: Stream, shift: Shift) -> Stream:
    """Return the second stream of a shift on the clock of the first."""
    times = (stream.times - shift.offset_s) / (1 + shift.drift)
    return Stream(stream.values, times, stream.present)


def pool(
    stream: Stream,
    how: Literal["mean", "maximum", "attention"] = "mean",
    *,
    query: npt.ArrayLike | None = None,
) -> Floats:
    """Return (d,) of the windows that are present, zeros if none is.

    attention: weights softmax(values q / sqrt(d)); without a query, of the values' lengths.
    """
    rows = stream.values[stream.present]
    if not len(rows):
        return np.zeros(stream.values.shape[1], np.float32)
    if how == "maximum":
        return np.asarray(rows.max(axis=0))
    if how == "mean":
        return np.asarray(rows.mean(axis=0))
    scores = np.linalg.norm(rows, axis=1) if query is None else rows @ np.asarray(query, np.float32)
    scores = scores / np.sqrt(rows.shape[1])
    weights = np.exp(scores - scores.max())
    return np.asarray(weights @ rows / weights.sum(), np.float32)


def _on_clock(stream: Stream, drift: float, step_s: float = STEP_S) -> Doubles:
    """Return (t,) the stream's strength every step, from time 0, centred; gaps are 0."""
    if not stream.present.any():
        return np.zeros(1)
    times = stream.times[stream.present] / (1 + drift)
    values = np.linalg.norm(stream.values[stream.present], axis=1).astype(np.float64)
    clock = np.arange(0, max(float(times[-1]), 0.0) + step_s, step_s)
    strength = np.interp(clock, times, values)
    # a gap is where the nearest sample is far
    after = np.searchsorted(times, clock).clip(1, max(1, len(times) - 1))
    gap = np.minimum(
        np.abs(times[after.clip(max=len(times) - 1)] - clock), np.abs(times[after - 1] - clock)
    )
    usual = np.median(np.diff(times)) if len(times) > 1 else step_s
    known = gap <= 3 * max(float(usual), step_s)
    if step_s == STEP_S:
        width = round(_SMOOTH_S / step_s)
        kernel = np.hanning(2 * width + 1)
        strength = fftconvolve(strength, kernel / kernel.sum())[width : width + len(clock)]
    mean = strength[known].mean() if known.any() else 0.0
    return np.where(known, strength - mean, 0.0)


def _correlation(
    first: Doubles, second: Doubles, most_s: float
) -> tuple[Doubles, npt.NDArray[np.int64]]:
    """Return normalised correlations and their lags: second[i + lag] against first[i]."""
    lags = np.arange(-len(first) + 1, len(second))
    products = fftconvolve(second, first[::-1])
    first_ones, second_ones = np.ones(len(first)), np.ones(len(second))
    overlap = fftconvolve(second_ones, first_ones)
    first_energy = fftconvolve(second_ones, first[::-1] ** 2).clip(0)
    energy = fftconvolve(second**2, first_ones).clip(0) * first_energy
    floor = 1e-9 * max(float(energy.max(initial=0.0)), 1e-300)
    scores = products / np.sqrt(np.maximum(energy, floor))
    # short overlaps correlate by chance: they are scored down
    shorter = min(len(first), len(second))
    scores = scores * np.sqrt((overlap / shorter).clip(0, 1))
    allowed = (np.abs(lags) * STEP_S <= most_s) & (overlap >= _MIN_OVERLAP * shorter)
    return scores[allowed], lags[allowed]


def _vertex(values: Doubles, peak: int) -> float:
    """Return the offset of a parabola's vertex through a peak and its neighbours, |x| <= .5."""
    if not 0 < peak < len(values) - 1:
        return 0.0
    left, middle, right = values[peak - 1 : peak + 2]
    bend = left - 2 * middle + right
    return float(np.clip((left - right) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0


def _standardized(values: Doubles) -> Doubles:
    spread = values.std()
    return values / spread if spread > 1e-9 else np.zeros_like(values)


def _path(a: Doubles, b: Doubles, band: int) -> npt.NDArray[np.int64]:
    """Return the (p, 2) cheapest path from start to end, within the band."""
    rows, columns = len(a), len(b)
    reach = band + abs(rows - columns)
    cost = np.full((rows + 1, columns + 1), np.inf)
    cost[0, : min(reach, columns) + 1] = 0.0  # it may start anywhere within the band
    for i in range(1, rows + 1):
        low, high = max(1, i - reach), min(columns, i + reach)
        step = np.abs(a[i - 1] - b[low - 1 : high])
        before = np.minimum(cost[i - 1, low - 1 : high], cost[i - 1, low : high + 1]) + step
        # along the row: cost[j] = min(before[j], cost[j - 1] + step[j]), by a running minimum
        summed = np.cumsum(step)
        cost[i, low : high + 1] = np.minimum.accumulate(before - summed) + summed
    end = int(np.argmin(cost[rows, 1:])) + 1
    return _backtrack(cost, rows, end)


def _backtrack(cost: Doubles, row: int, column: int) -> npt.NDArray[np.int64]:
    path = []
    while row > 0 and column > 0:
        path.append((row - 1, column - 1))
        options = (cost[row - 1, column - 1], cost[row - 1, column], cost[row, column - 1])
        move = int(np.argmin(options))
        row, column = row - (move != 2), column - (move != 1)
    return np.array(path[::-1], np.int64)
