"""Put time-based streams on one clock: offset and drift between two, and one grid for all."""

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

STEP_S = 0.01  # of the clock on which offsets are looked for
_APART_S = 0.25  # another peak is one that is so far away
_LEAST_OVERLAP = 0.3  # of the shorter stream
_SMOOTH_S = 0.04  # two streams of one event seldom peak in the same hundredth
_DRIFTS = np.arange(-0.03, 0.0301, 0.0025)


@dataclass(frozen=True)
class Stream:
    """Numbers on a time line; a row that is not present is a gap.

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
        whole: Bools = np.asarray(np.isfinite(rows).all(axis=1))
        order = np.argsort(np.asarray(times, np.float64), kind="stable")
        clean = np.where(whole[:, None], rows, np.float32(0))
        return cls(clean[order], np.asarray(times, np.float64)[order], whole[order])

    def __len__(self) -> int:
        return len(self.times)


class Shift(NamedTuple):
    """What happens at t in the first stream happens at offset_s + (1 + drift) t in the second."""

    offset_s: float
    drift: float  # .02: the second takes 2% longer
    confidence: float  # 0..1: how far the best place stands out from the next best


def find_shift(one: Stream, two: Stream, *, most_s: float = 5.0, drifts: bool = True) -> Shift:
    """Return how the second stream lies against the first, by normalised cross-correlation.

    Both on a clock of 10 ms, gaps and means at 0. For each drift of -3% to 3% (0 alone, if not
    `drifts`) the correlation at every offset up to `most_s` is divided by the energy of what
    overlaps there; the best is refined by parabolas in both directions. Constant streams, streams
    without a gap-free overlap: confidence 0. Cost: 25 transforms of the streams' length.
    """
    tried = _DRIFTS if drifts else np.zeros(1)
    first = _on_clock(one, 0.0)
    peaks = []
    for drift in tried:
        scores, lags = _correlation(first, _on_clock(two, float(drift)), most_s)
        peaks.append((scores, lags))
    best = [float(scores.max(initial=0.0)) for scores, _ in peaks]
    place = int(np.argmax(best))
    scores, lags = peaks[place]
    if best[place] <= 1e-6:
        return Shift(0.0, 0.0, 0.0)
    top = int(np.argmax(scores))
    offset = (lags[top] + _vertex(scores, top)) * STEP_S
    drift = float(tried[place])
    if 0 < place < len(tried) - 1:
        drift += _vertex(np.array(best), place) * float(tried[1] - tried[0])
    away = np.abs(lags - lags[top]) * STEP_S > _APART_S
    second = float(scores[away].max(initial=0.0))
    # the second stream was read at (1 + drift) its speed: its own offset is so much longer
    return Shift(float(offset * (1 + drift)), drift, min(1.0, (best[place] - second) / best[place]))


def warp(one: Stream, two: Stream, *, step_s: float = 0.05, band_s: float = 4.0) -> Shift:
    """Return offset and drift of the line through the path of dynamic time warping.

    Sakoe & Chiba (1978), |a_i - b_j| on standardised values, at most `band_s` off the diagonal; the
    line is Theil & Sen's, which a third of wrong turns can't move. Coarser than `find_shift`, and
    not held to one drift: confidence is the share of the path within three steps of the line.
    """
    a, b = (_standard(_on_clock(stream, 0.0, step_s)) for stream in (one, two))
    if not a.any() or not b.any():
        return Shift(0.0, 0.0, 0.0)
    path = _path(a, b, max(2, int(band_s / step_s)))
    some = path[:: max(1, len(path) // 400)]
    slope, start, _, _ = theilslopes(some[:, 1], some[:, 0])
    near = np.abs(path[:, 1] - (start + slope * path[:, 0])) <= 3
    return Shift(float(start * step_s), float(slope - 1), float(near.mean()))


def on_grid(
    streams: Mapping[str, Stream], *, hop_s: float = 1.0, length_s: float | None = None
) -> dict[str, Stream]:
    """Return all streams on the same windows of `hop_s`: the mean of what lies in each.

    A window in which a stream has nothing is a gap of it, never filled. The windows go on to the
    end of the longest stream, or to `length_s`.
    """
    ends = [float(s.times[-1]) for s in streams.values() if len(s)]
    total = length_s if length_s is not None else max(ends, default=0.0) + 1e-9
    count = max(1, int(np.ceil(total / hop_s)))
    times = np.arange(count, dtype=np.float64) * hop_s
    found = {}
    for name, stream in streams.items():
        window = np.floor(stream.times / hop_s).astype(np.int64)
        used = stream.present & (window >= 0) & (window < count)
        counts = np.bincount(window[used], minlength=count)
        sums = np.zeros((count, stream.values.shape[1]))
        np.add.at(sums, window[used], stream.values[used])
        means = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
        found[name] = Stream(means, times, counts > 0)
    return found


def shifted(stream: Stream, shift: Shift) -> Stream:
    """Return the second stream on the first one's clock."""
    times = (stream.times - shift.offset_s) / (1 + shift.drift)
    return Stream(stream.values, times, stream.present)


def pool(
    stream: Stream,
    how: Literal["mean", "maximum", "attention"] = "mean",
    *,
    query: npt.ArrayLike | None = None,
) -> Floats:
    """Return (d,) of the windows that are present, zeros where none is.

    attention: weights softmax(values q / sqrt(d)); without a query, by the values' own lengths.
    """
    rows = stream.values[stream.present]
    if not len(rows):
        return np.zeros(stream.values.shape[1], np.float32)
    if how == "maximum":
        return np.asarray(rows.max(axis=0))
    if how == "mean":
        return np.asarray(rows.mean(axis=0))
    asked = np.linalg.norm(rows, axis=1) if query is None else rows @ np.asarray(query, np.float32)
    scores = asked / np.sqrt(rows.shape[1])
    weights = np.exp(scores - scores.max())
    return np.asarray(weights @ rows / weights.sum(), np.float32)


def _on_clock(stream: Stream, drift: float, step_s: float = STEP_S) -> Doubles:
    """Return (t,) the stream's strength every step, from time 0; gaps and mean are 0."""
    if not stream.present.any():
        return np.zeros(1)
    times = stream.times[stream.present] / (1 + drift)
    values = np.linalg.norm(stream.values[stream.present], axis=1).astype(np.float64)
    clock = np.arange(0, max(float(times[-1]), 0.0) + step_s, step_s)
    strength = np.interp(clock, times, values)
    # the nearest sample tells whether there is a gap
    after = np.searchsorted(times, clock).clip(1, max(1, len(times) - 1))
    gap = np.minimum(
        np.abs(times[after.clip(max=len(times) - 1)] - clock), np.abs(times[after - 1] - clock)
    )
    usual = np.median(np.diff(times)) if len(times) > 1 else step_s
    here = gap <= 3 * max(float(usual), step_s)
    if step_s == STEP_S:
        width = round(_SMOOTH_S / step_s)
        kernel = np.hanning(2 * width + 1)
        strength = fftconvolve(strength, kernel / kernel.sum())[width : width + len(clock)]
    mean = strength[here].mean() if here.any() else 0.0
    return np.where(here, strength - mean, 0.0)


def _correlation(
    first: Doubles, second: Doubles, most_s: float
) -> tuple[Doubles, npt.NDArray[np.int64]]:
    """Return normalised correlations and their lags: second[i + lag] against first[i]."""
    lags = np.arange(-len(first) + 1, len(second))
    products = fftconvolve(second, first[::-1])
    ones, others = np.ones(len(first)), np.ones(len(second))
    overlap = fftconvolve(others, ones[::-1])
    energy = fftconvolve(second**2, ones[::-1]).clip(0) * fftconvolve(
        others, first[::-1] ** 2
    ).clip(0)
    floor = 1e-9 * max(float(energy.max(initial=0.0)), 1e-300)
    scores = products / np.sqrt(np.maximum(energy, floor))
    # a short overlap agrees by chance: it has to agree better
    whole = min(len(first), len(second))
    scores = scores * np.sqrt((overlap / whole).clip(0, 1))
    kept = (np.abs(lags) * STEP_S <= most_s) & (overlap >= _LEAST_OVERLAP * whole)
    return scores[kept], lags[kept]


def _vertex(values: Doubles, place: int) -> float:
    """Return where the parabola through a peak and its neighbours has its top, in -.5..0.5."""
    if not 0 < place < len(values) - 1:
        return 0.0
    left, middle, right = values[place - 1 : place + 2]
    bend = left - 2 * middle + right
    return float(np.clip((left - right) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0


def _standard(values: Doubles) -> Doubles:
    spread = values.std()
    return values / spread if spread > 1e-9 else np.zeros_like(values)


def _path(a: Doubles, b: Doubles, band: int) -> npt.NDArray[np.int64]:
    """Return the (p, 2) cheapest path from the beginnings to the ends, within the band."""
    rows, columns = len(a), len(b)
    reach = band + abs(rows - columns)
    cost = np.full((rows + 1, columns + 1), np.inf)
    cost[0, : min(reach, columns) + 1] = 0.0  # it may begin anywhere within the band
    for i in range(1, rows + 1):
        low, high = max(1, i - reach), min(columns, i + reach)
        step = np.abs(a[i - 1] - b[low - 1 : high])
        before = np.minimum(cost[i - 1, low - 1 : high], cost[i - 1, low : high + 1]) + step
        # along the row: cost[j] = min(before[j], cost[j - 1] + step[j]), by a running minimum
        summed = np.cumsum(step)
        cost[i, low : high + 1] = np.minimum.accumulate(before - summed) + summed
    end = int(np.argmin(cost[rows, 1:])) + 1
    return _traced(cost, rows, end)


def _traced(cost: Doubles, row: int, column: int) -> npt.NDArray[np.int64]:
    path = []
    while row > 0 and column > 0:
        path.append((row - 1, column - 1))
        options = (cost[row - 1, column - 1], cost[row - 1, column], cost[row, column - 1])
        move = int(np.argmin(options))
        row, column = row - (move != 2), column - (move != 1)
    return np.array(path[::-1], np.int64)
