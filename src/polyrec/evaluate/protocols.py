"""Who is asked, what is hidden, what counts: the protocols of evaluation.

compat, global_time, leave_one_out and new_items differ in the split (`data.splits`) and in which
columns are told; all of them ask in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from polyrec.contracts import Recommender
from polyrec.errors import DataError, FitError, nearest
from polyrec.evaluate.content import calibration, content_clusters, diversity
from polyrec.evaluate.metrics import (
    AGGREGATE_METRICS,
    CONTENT_METRICS,
    HIT_METRICS,
    Metric,
    Values,
    with_warm_and_cold,
)
from polyrec.recommend.early_stopping import evaluable_users
from polyrec.types import FUSED, Bools, Csr, Floats, Interactions, Ints, Ranking, Views

PROTOCOLS = ("compat", "global_time", "leave_one_out", "new_items")


@dataclass(frozen=True)
class Evaluation:
    """What a recommender reached: lists, values per user, and their means."""

    users: Ints  # (b,)
    ranking: Ranking  # (b, k)
    hits: Bools  # (b, k)
    relevant: Ints  # (b,) how many items were there to be found
    values: Mapping[str, Values]  # (b,) of each metric that users have one by one; nan: not asked
    means: Mapping[str, float]
    without_train: int = 0  # users with something to be found who are not asked

    def save_per_user(self, path: Path) -> None:
        """Write users and their values as npz, for paired tests between runs."""
        arrays = {array_name(name): array for name, array in self.values.items()}
        np.savez_compressed(path, users=self.users, **arrays)  # type: ignore[arg-type]


def array_name(metric: str) -> str:
    """Return what a metric's array is called in per_user.npz.

    >>> array_name("ndcg@20:cold")
    'ndcg_at_20_of_cold'
    """
    return metric.replace("@", "_at_").replace(":", "_of_")


def protocol_metrics(protocol: str, metrics: Sequence[str]) -> tuple[str, ...]:
    """Return the metrics that a protocol tells: new_items has columns for warm and cold items."""
    return with_warm_and_cold(metrics) if protocol == "new_items" else tuple(metrics)


def evaluate_top_k(
    recommender: Recommender,
    train: Interactions,
    target: Interactions,
    metrics: Sequence[str],
    *,
    views: Views | None = None,
) -> Evaluation:
    """Return how well `target` is predicted from `train`: full ranking, train items hidden.

    Asked are the users with train events and relevant items (weights adding up to over 0) in
    `target`; only what they did in train is hidden, for valid and for test; the mean is over them.
    A column (warm, cold) keeps the lists and counts what is relevant there, over the users who have
    some of it. `views` are what diversity and calibration read.
    """
    asked = [Metric.parse(name) for name in metrics]
    relevant = target.positives()
    counts = np.diff(relevant.indptr).astype(np.int64)
    users = evaluable_users(train, relevant)
    if not len(users):
        raise FitError("nobody to evaluate on", received=f"{len(target)} target events",
                       remedy="users need train events and relevant target items")  # fmt: skip
    longest = max(metric.k for metric in asked)
    ranking = recommender.recommend(train.histories(users), longest, hide_seen=True)
    hits = _hits(ranking.items, users, relevant.indices, relevant.indptr, train.shape[1])
    answers = _Answers(train, users, ranking.items, hits, relevant, views or {})
    values, means = {}, {}
    for name, metric in zip(metrics, asked, strict=True):
        if metric.name in AGGREGATE_METRICS:
            lists = ranking.items[:, : metric.k]
            means[name] = AGGREGATE_METRICS[metric.name](lists, answers.popularity)
            continue
        measure = answers.of_content if metric.name in CONTENT_METRICS else answers.of_hits
        values[name] = measure(metric)
        means[name] = _mean(values[name])
    left_out = int((counts > 0).sum()) - len(users)
    return Evaluation(users, ranking, hits, counts[users], values, means, left_out)


@dataclass(frozen=True)
class _Answers:
    """The lists of all users, and what metrics hold against them."""

    train: Interactions
    users: Ints  # (b,)
    lists: Ints  # (b, k)
    hits: Bools  # (b, k)
    relevant: Csr  # (u, n)
    views: Views

    @cached_property
    def popularity(self) -> Floats:
        """Return (n,) how many users took each item in train."""
        taken = self.train.positives().indices
        return np.bincount(taken, minlength=self.train.shape[1]).astype(np.float32)

    def of_hits(self, metric: Metric) -> Values:
        """Return (b,) values; nan for users without a relevant item in the metric's column."""
        counted = self._counted(metric.of)
        inside = counted[self.relevant.indices].astype(np.int64)
        total = np.concatenate([[0], np.cumsum(inside)])
        counts = np.diff(total[self.relevant.indptr])[self.users]
        has = counts > 0
        found = np.full(len(self.users), np.nan)
        hits = self.hits[has, : metric.k] & counted[self.lists[has, : metric.k]]
        found[has] = HIT_METRICS[metric.name](hits, counts[has])
        return found

    def of_content(self, metric: Metric) -> Values:
        """Return (b,) values; nan for users of whose lists or histories the view says too little.

        Without any content, the fused view that is read by default is not there: all nan.
        """
        name, lists = metric.of or FUSED, self.lists[:, : metric.k]
        if metric.of and name not in self.views:
            raise DataError("no such view", received=name, remedy=nearest(name, self.views))
        if name not in self.views:
            return np.full(len(lists), np.nan)
        if metric.name == "diversity":
            return diversity(lists, self.views[name])
        history = self.train.positives()[self.users]
        return calibration(lists, history, content_clusters(self.views[name]))

    def _counted(self, column: str) -> Bools:
        """Return (n,) whether an item belongs to a column; "" is all of them."""
        warm = np.zeros(self.train.shape[1], bool)
        warm[self.train.items] = True
        return {"": np.ones_like(warm), "warm": warm, "cold": ~warm}[column]


def _mean(values: Values) -> float:
    told = values[~np.isnan(values)]
    return float(told.mean()) if len(told) else float("nan")


def bootstrap_interval(
    values: Values, *, seed: int = 0, resamples: int = 1000
) -> tuple[float, float]:
    """Return the 95% bootstrap interval of the mean over users (percentiles; Efron, 1979).

    Users without a value (nan) are left out; without any, both ends are nan.
    """
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    generator = np.random.default_rng(seed)
    means = [values[generator.integers(len(values), size=len(values))].mean()
             for _ in range(resamples)]  # fmt: skip
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _hits(lists: Ints, users: Ints, indices: Ints, indptr: Ints, items: int) -> Bools:
    """Return (b, k) whether each listed item is relevant to its user."""
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    known = np.sort(rows * items + indices)
    asked = users[:, None] * items + lists
    place = np.minimum(np.searchsorted(known, asked), len(known) - 1)
    hits: Bools = (known[place] == asked) & (lists >= 0)
    return hits
