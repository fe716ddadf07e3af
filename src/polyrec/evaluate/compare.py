"""Compare any number of finished runs, user by user: differences, intervals, tests.

Runs are compared where they can be: the same data, split, protocol and users.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import wilcoxon

from polyrec.errors import BundleError, ConfigError, DataError, nearest
from polyrec.evaluate.metrics import Metric, Values
from polyrec.evaluate.protocols import array_name
from polyrec.types import Ints

LEVEL = 0.05
"""Differences whose corrected p lies below are called significant."""

_SHOWN = ("recall@20", "ndcg@20")
_RESAMPLES = 2000
_AT_ONCE = 100  # resamples held in memory
_COSTS = ("fit_s", "peak_memory_mb", "single_median_ms", "single_p95_ms", "batch_per_s")


@dataclass(frozen=True)
class FinishedRun:
    """What a run left beside its bundle."""

    name: str
    report: Mapping[str, Any]
    users: Ints  # (b,)
    values: Mapping[str, Values]  # (b,) of each metric that users have one by one

    @property
    def means(self) -> Mapping[str, float | None]:
        """Return the figures on test."""
        found: Mapping[str, float | None] = self.report["metrics"]["test"]
        return found

    @property
    def cost(self) -> Mapping[str, float | None]:
        """Return what the figures cost; None where the run did not measure it."""
        told = self.report.get("cost", {})
        return {name: told.get(name) for name in _COSTS}


@dataclass(frozen=True)
class Difference:
    """What one run reaches more than another, over the users of both."""

    metric: str
    first: str
    second: str
    users: int
    difference: float  # mean of first - second
    low: float  # 95%, bootstrap over users
    high: float
    p: float  # Wilcoxon signed-rank, two-sided
    corrected: float  # Holm, over all pairs and metrics of the comparison

    @property
    def significant(self) -> bool:
        """Return whether it is beyond chance, however many comparisons were made."""
        return self.corrected < LEVEL


@dataclass(frozen=True)
class Comparison:
    """Runs, the metrics that are shown, and all their differences."""

    runs: Sequence[FinishedRun]
    metrics: Sequence[str]
    differences: Sequence[Difference]

    def best(self, metric: str) -> str:
        """Return the name of the run with the best mean, "" where no run has a figure."""
        told = {r.name: m for r in self.runs if (m := r.means.get(metric)) is not None}
        pick = min if Metric.parse(metric).name in _LOWER else max
        return pick(told, key=lambda name: told[name]) if told else ""

    def beaten(self, metric: str) -> frozenset[str]:
        """Return the names of the runs that differ significantly from the best one."""
        best = self.best(metric)
        pairs = [d for d in self.differences if d.metric == metric and d.significant]
        return frozenset({d.first for d in pairs if d.second == best}
                         | {d.second for d in pairs if d.first == best})  # fmt: skip


_LOWER = ("calibration", "gini")  # the less, the better


def read_run(folder: Path, *, name: str) -> FinishedRun:
    """Return what `polyrec run` wrote into a bundle's folder, or raise `BundleError`."""
    remedy = "make it with polyrec run"
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        with np.load(folder / "per_user.npz", allow_pickle=False) as arrays:
            known = {array_name(m): m for m in report["metrics"]["test"]}
            values = {known[key]: arrays[key] for key in arrays.files if key in known}
            run = FinishedRun(name, report, arrays["users"], values)
        sealed, told = manifest["data"], report["data"]["hash"]
    except FileNotFoundError as error:
        received = f"{folder} without {Path(error.filename).name}"
        raise BundleError("no finished run here", received=received, remedy=remedy) from error
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise BundleError("the run's report can't be read", received=str(folder),
                          remedy=remedy) from error  # fmt: skip
    if sealed != told or any(len(v) != len(run.users) for v in run.values.values()):
        raise BundleError("report and bundle are not of one run", received=str(folder),
                          remedy=remedy)  # fmt: skip
    return run


def compare(
    runs: Sequence[FinishedRun], metrics: Sequence[str] = (), *, seed: int = 0
) -> Comparison:
    """Return means, differences and tests of two or more runs; raise where they can't be compared.

    Without `metrics`, recall@20 and ndcg@20 (and their columns), or else the first that all have.
    Metrics over all lists (coverage, say) have a mean and no test.
    """
    _comparable(runs)
    shown = tuple(dict.fromkeys(metrics)) or _default(runs)
    for metric in shown:
        Metric.parse(metric)
        for run in runs:
            if metric not in run.means:
                received = f"{metric} of {run.name}"
                raise ConfigError("a run lacks this metric", received=received,
                                  remedy=nearest(metric, run.means))  # fmt: skip
    tested = [metric for metric in shown if all(metric in run.values for run in runs)]
    found = [row for metric in tested for row in _differences(runs, metric, seed)]
    corrected = holm([row["p"] for row in found])
    return Comparison(runs, shown, [Difference(**row, corrected=p)
                                    for row, p in zip(found, corrected, strict=True)])  # fmt: skip


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values corrected for how many there are (Holm, Scand. J. Statistics 1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected = [0.0] * len(p)
    highest = 0.0
    for rank, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        highest = max(highest, min(1.0, (len(p) - rank) * p[i]))
        corrected[i] = highest
    return corrected


def signed_rank(differences: Values) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test; users without a difference drop out.

    1 where nobody differs (Wilcoxon, Biometrics Bulletin 1945).

    >>> signed_rank(np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]))
    0.03125
    """
    told = differences[differences != 0]
    return float(wilcoxon(told).pvalue) if len(told) else 1.0


def paired_bootstrap(values: Values, *, seed: int = 0, resamples: int = _RESAMPLES) -> Values:
    """Return (resamples, m) means of the columns of (b, m), the same users drawn for all of them.

    The bootstrap over users (Efron, 1979): what is drawn together can be subtracted.
    """
    generator = np.random.default_rng(seed)
    count = len(values)
    means = []
    for start in range(0, resamples, _AT_ONCE):
        size = min(_AT_ONCE, resamples - start)
        drawn = generator.integers(count, size=(size, count)) + count * np.arange(size)[:, None]
        times = np.bincount(drawn.reshape(-1), minlength=size * count).reshape(size, count)
        means.append(times @ values / count)
    return np.concatenate(means)


def _differences(runs: Sequence[FinishedRun], metric: str, seed: int) -> list[dict[str, Any]]:
    """Return a row per pair of runs, over the users of whom every run has a value."""
    table: npt.NDArray[np.float64] = np.stack([run.values[metric] for run in runs], axis=1)
    table = table[~np.isnan(table).any(axis=1)]
    if not len(table):
        return []
    drawn = paired_bootstrap(table, seed=seed)
    rows = []
    for i, j in itertools.combinations(range(len(runs)), 2):
        apart = table[:, i] - table[:, j]
        low, high = np.percentile(drawn[:, i] - drawn[:, j], [2.5, 97.5])
        rows.append({"metric": metric, "first": runs[i].name, "second": runs[j].name,
                     "users": len(table), "difference": float(apart.mean()), "low": float(low),
                     "high": float(high), "p": signed_rank(apart)})  # fmt: skip
    return rows


def _comparable(runs: Sequence[FinishedRun]) -> None:
    if len(runs) < 2:
        raise ConfigError("compare what?", received=[run.name for run in runs],
                          remedy="give two bundles or more")  # fmt: skip
    first = runs[0]
    for run in runs[1:]:
        for what, remedy, of in _SAME:
            if of(run) != of(first):
                received = f"{of(first)} in {first.name}, {of(run)} in {run.name}"
                raise DataError(f"made with different {what}", received=received, remedy=remedy)
        if not np.array_equal(run.users, first.users):
            received = f"{len(first.users)} in {first.name}, {len(run.users)} in {run.name}"
            raise DataError("evaluated on different users", received=received,
                            remedy="evaluate both with the same polyrec")  # fmt: skip


def _events(run: FinishedRun) -> tuple[Any, ...]:
    data = run.report["data"]
    return tuple(f"{data[name]:,} {name}" for name in ("users", "items", "events"))


def _sizes(run: FinishedRun) -> tuple[Any, ...]:
    split = run.report["config"]["data"]["split"]
    return (split["use"], *(f"{n:,} {part}" for part, n in run.report["data"]["splits"].items()))


_SAME = (
    ("protocols", "set evaluate.protocol", lambda r: r.report["config"]["evaluate"]["protocol"]),
    ("data", "compare runs on the same data", _events),
    ("splits", "use one split and one seed of it", _sizes),
    # the same sizes, and yet other ids, events or parts: another seed of the split, say
    (
        "data or splits",
        "use the same data, split and seed",
        lambda r: r.report["data"]["hash"][:16],
    ),
)


def _default(runs: Sequence[FinishedRun]) -> tuple[str, ...]:
    common = [m for m in runs[0].values if all(m in run.values for run in runs)]
    shown = [m for m in common if m.partition(":")[0] in _SHOWN]
    if not common:
        raise ConfigError("no metric is common to all", received=[run.name for run in runs],
                          remedy="run them with the same evaluate.metrics")  # fmt: skip
    return tuple(shown or common[:2])
