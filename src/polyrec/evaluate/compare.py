"""Compare finished runs user by user: differences, intervals, tests.

Runs are comparable where data, split, protocol and users are the same.
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
"""Differences with a corrected p below are significant."""

_DEFAULT_METRICS = ("recall@20", "ndcg@20")
_RESAMPLES = 2000
_BATCH = 100  # resamples held in memory
_COSTS = ("fit_s", "choose_s", "peak_memory_mb", "single_median_ms", "single_p95_ms", "batch_per_s")


@dataclass(frozen=True)
class ComparedRun:
    """The report and the values per user of a finished run."""

    name: str
    report: Mapping[str, Any]
    users: Ints  # (b,)
    values: Mapping[str, Values]  # (b,) of each metric per user

    @property
    def means(self) -> Mapping[str, float | None]:
        """Return the metrics on test."""
        means: Mapping[str, float | None] = self.report["metrics"]["test"]
        return means

    @property
    def cost(self) -> Mapping[str, float | None]:
        """Return time and memory; None where the run did not measure them."""
        costs = self.report.get("cost", {})
        return {name: costs.get(name) for name in _COSTS}


@dataclass(frozen=True)
class Difference:
    """The difference of a metric between two runs, over the users of both."""

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
        """Return whether it is significant after correction for multiple comparisons."""
        return self.corrected < LEVEL


@dataclass(frozen=True)
class Comparison:
    """Runs, metrics and all pairwise differences."""

    runs: Sequence[ComparedRun]
    metrics: Sequence[str]
    differences: Sequence[Difference]

    def best(self, metric: str) -> str:
        """Return the name of the run with the best mean, "" where no run has one."""
        means = {r.name: mean for r in self.runs if (mean := r.means.get(metric)) is not None}
        pick = min if Metric.parse(metric).name in _LOWER_IS_BETTER else max
        return pick(means, key=lambda name: means[name]) if means else ""

    def worse(self, metric: str) -> frozenset[str]:
        """Return the names of the runs that differ significantly from the best one."""
        best = self.best(metric)
        pairs = [d for d in self.differences if d.metric == metric and d.significant]
        return frozenset({d.first for d in pairs if d.second == best}
                         | {d.second for d in pairs if d.first == best})  # fmt: skip


_LOWER_IS_BETTER = ("calibration", "gini")


def read_run(folder: Path, *, name: str) -> ComparedRun:
    """Return the run whose report is in a bundle's folder, or raise `BundleError`."""
    remedy = "make it with polyrec run"
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        with np.load(folder / "per_user.npz", allow_pickle=False) as arrays:
            metrics = {array_name(metric): metric for metric in report["metrics"]["test"]}
            values = {metrics[key]: arrays[key] for key in arrays.files if key in metrics}
            run = ComparedRun(name, report, arrays["users"], values)
        hashes = manifest["data"], report["data"]["hash"]
    except FileNotFoundError as error:
        received = f"{folder} without {Path(error.filename).name}"
        raise BundleError("no finished run here", received=received, remedy=remedy) from error
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise BundleError("the run's report can't be read", received=str(folder),
                          remedy=remedy) from error  # fmt: skip
    if hashes[0] != hashes[1] or any(len(v) != len(run.users) for v in run.values.values()):
        raise BundleError("report and bundle are of different runs", received=str(folder),
                          remedy=remedy)  # fmt: skip
    return run


def compare(
    runs: Sequence[ComparedRun], metrics: Sequence[str] = (), *, seed: int = 0
) -> Comparison:
    """Return means, differences and tests of two or more comparable runs, or raise.

    Without `metrics`, recall@20 and ndcg@20 (and on warm and cold items), or else the first that
    all have. Metrics over all lists (coverage, say) have a mean and no test.
    """
    _check_comparable(runs)
    selected = tuple(dict.fromkeys(metrics)) or _default_metrics(runs)
    for metric in selected:
        Metric.parse(metric)
        for run in runs:
            if metric not in run.means:
                received = f"{metric} of {run.name}"
                raise ConfigError("a run lacks this metric", received=received,
                                  remedy=nearest(metric, run.means))  # fmt: skip
    tested = [metric for metric in selected if all(metric in run.values for run in runs)]
    rows = [row for metric in tested for row in _differences(runs, metric, seed)]
    corrected = holm([row["p"] for row in rows])
    differences = [Difference(**row, corrected=p) for row, p in zip(rows, corrected, strict=True)]
    return Comparison(runs, selected, differences)


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values corrected for multiple comparisons (Holm, Scand. J. Statistics 1979).

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
    """Return the two-sided p of Wilcoxon's signed-rank test; zero differences are left out.

    1 where all are zero (Wilcoxon, Biometrics Bulletin 1945).

    >>> signed_rank(np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]))
    0.03125
    """
    nonzero = differences[differences != 0]
    return float(wilcoxon(nonzero).pvalue) if len(nonzero) else 1.0


def paired_bootstrap(values: Values, *, seed: int = 0, resamples: int = _RESAMPLES) -> Values:
    """Return (resamples, m) means of the columns of (b, m), with the same users for all columns.

    The bootstrap over users (Efron, 1979); columns of one resample can be subtracted.
    """
    generator = np.random.default_rng(seed)
    count = len(values)
    means = []
    for start in range(0, resamples, _BATCH):
        size = min(_BATCH, resamples - start)
        drawn = generator.integers(count, size=(size, count)) + count * np.arange(size)[:, None]
        times = np.bincount(drawn.reshape(-1), minlength=size * count).reshape(size, count)
        means.append(times @ values / count)
    return np.concatenate(means)


def difference_interval(
    first: Values, second: Values, *, seed: int = 0
) -> tuple[float, float, float]:
    """Return the mean of first - second over the users, and its 95% bootstrap interval.

    Users without a value (nan) in either are left out; without any, all three are nan.
    """
    table = np.stack([first, second], axis=1)
    table = table[~np.isnan(table).any(axis=1)]
    if not len(table):
        return float("nan"), float("nan"), float("nan")
    drawn = paired_bootstrap(table, seed=seed)
    low, high = np.percentile(drawn[:, 0] - drawn[:, 1], [2.5, 97.5])
    return float((table[:, 0] - table[:, 1]).mean()), float(low), float(high)


def _differences(runs: Sequence[ComparedRun], metric: str, seed: int) -> list[dict[str, Any]]:
    """Return a row per pair of runs, over the users for whom every run has a value."""
    table: npt.NDArray[np.float64] = np.stack([run.values[metric] for run in runs], axis=1)
    table = table[~np.isnan(table).any(axis=1)]
    if not len(table):
        return []
    drawn = paired_bootstrap(table, seed=seed)
    rows = []
    for i, j in itertools.combinations(range(len(runs)), 2):
        difference = table[:, i] - table[:, j]
        low, high = np.percentile(drawn[:, i] - drawn[:, j], [2.5, 97.5])
        rows.append({"metric": metric, "first": runs[i].name, "second": runs[j].name,
                     "users": len(table), "difference": float(difference.mean()), "low": float(low),
                     "high": float(high), "p": signed_rank(difference)})  # fmt: skip
    return rows


def _check_comparable(runs: Sequence[ComparedRun]) -> None:
    if len(runs) < 2:
        raise ConfigError("a comparison needs two runs", received=[run.name for run in runs],
                          remedy="give two bundles or more")  # fmt: skip
    first = runs[0]
    for run in runs[1:]:
        for name, remedy, value in _MUST_AGREE:
            if value(run) != value(first):
                received = f"{value(first)} in {first.name}, {value(run)} in {run.name}"
                raise DataError(f"runs on different {name}", received=received, remedy=remedy)
        if not np.array_equal(run.users, first.users):
            received = f"{len(first.users)} in {first.name}, {len(run.users)} in {run.name}"
            raise DataError("evaluated on different users", received=received,
                            remedy="evaluate both with the same polyrec")  # fmt: skip


def _data_sizes(run: ComparedRun) -> tuple[Any, ...]:
    data = run.report["data"]
    return tuple(f"{data[name]:,} {name}" for name in ("users", "items", "events"))


def _split_sizes(run: ComparedRun) -> tuple[Any, ...]:
    split = run.report["config"]["data"]["split"]
    sizes = run.report["data"]["splits"].items()
    return (split["use"], *(f"{count:,} {name}" for name, count in sizes))


_MUST_AGREE = (
    ("protocols", "set evaluate.protocol", lambda r: r.report["config"]["evaluate"]["protocol"]),
    ("data", "compare runs on the same data", _data_sizes),
    ("splits", "use one split and one seed of it", _split_sizes),
    # the sizes agree but ids, events or splits don't: another seed of the split, say
    (
        "data or splits",
        "use the same data, split and seed",
        lambda r: r.report["data"]["hash"][:16],
    ),
)


def _default_metrics(runs: Sequence[ComparedRun]) -> tuple[str, ...]:
    common = [m for m in runs[0].values if all(m in run.values for run in runs)]
    default = [m for m in common if m.partition(":")[0] in _DEFAULT_METRICS]
    if not common:
        raise ConfigError("no metric is common to all", received=[run.name for run in runs],
                          remedy="run them with the same evaluate.metrics")  # fmt: skip
    return tuple(default or common[:2])
