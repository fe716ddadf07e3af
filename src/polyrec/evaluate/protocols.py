"""Evaluation on a held-out split: full ranking, train items hidden, metrics per user.

The protocols compat, global_time, leave_one_out and new_items differ in the split (`data.splits`)
and in which item groups are reported; all of them rank in the same way. The protocol next_item has
a query per target event: `evaluate.next_item`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from polyrec.registry import load_object
from polyrec.types import FUSED, Bools, Csr, Floats, Interactions, Ints, Ranking, Views

PROTOCOLS = ("compat", "global_time", "leave_one_out", "new_items", "next_item")


@dataclass(frozen=True)
class Evaluation:
    """The lists of the evaluated users, metrics per user, and their means."""

    users: Ints  # (b,)
    ranking: Ranking  # (b, k)
    hits: Bools  # (b, k)
    relevant: Ints  # (b,) number of relevant items
    values: Mapping[str, Values]  # (b,) of each metric per user; nan: left out of the mean
    means: Mapping[str, float]
    without_train: int = 0  # users with relevant items who have no train events
    targets: Ints | None = None  # (b,) under next_item, where each row is a target event

    def _repr_html_(self) -> str:
        return str(load_object("polyrec.notebook.html:evaluation_html")(self))

    def save_per_user(self, path: Path) -> None:
        """Write users and their values as npz, for paired tests between runs."""
        arrays = {array_name(name): array for name, array in self.values.items()}
        np.savez_compressed(path, users=self.users, **arrays)  # type: ignore[arg-type]


def array_name(metric: str) -> str:
    """Return the name of a metric's array in per_user.npz.

    >>> array_name("ndcg@20:cold")
    'ndcg_at_20_of_cold'
    """
    return metric.replace("@", "_at_").replace(":", "_of_")


def protocol_metrics(protocol: str, metrics: Sequence[str]) -> tuple[str, ...]:
    """Return the metrics that a protocol reports: new_items adds those of warm and cold items."""
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

    Evaluated are the users with train events and relevant items (weights adding up to over 0) in
    `target`; only their train items are hidden, on valid and on test; means are over these users.
    For a group of items (warm, cold) the lists stay the same and only its items count as relevant,
    over the users who have some. `views` are read by diversity and calibration.
    """
    parsed = [Metric.parse(name) for name in metrics]
    relevant = target.positives()
    counts = np.diff(relevant.indptr).astype(np.int64)
    users = evaluable_users(train, relevant)
    if not len(users):
        raise FitError("no user to evaluate", received=f"{len(target)} target events",
                       remedy="users need train events and relevant target items")  # fmt: skip
    longest = max(metric.k for metric in parsed)
    ranking = recommender.recommend(train.histories(users), longest, hide_seen=True)
    hits = _hits(ranking.items, users, relevant.indices, relevant.indptr, train.shape[1])
    lists = RankedLists(train, users, ranking.items, hits, relevant, views or {})
    values, means = lists.measure(dict(zip(metrics, parsed, strict=True)), lists.hit_metric)
    without_train = int((counts > 0).sum()) - len(users)
    return Evaluation(users, ranking, hits, counts[users], values, means, without_train)


@dataclass(frozen=True)
class RankedLists:
    """The lists of all evaluated users, and what metrics compare them with."""

    train: Interactions
    users: Ints  # (b,)
    items: Ints  # (b, k)
    hits: Bools  # (b, k)
    relevant: Csr  # (u, n)
    views: Views

    @cached_property
    def popularity(self) -> Floats:
        """Return (n,) the number of users who took each item in train."""
        taken = self.train.positives().indices
        return np.bincount(taken, minlength=self.train.shape[1]).astype(np.float32)

    def measure(
        self, metrics: Mapping[str, Metric], hit_metric: Callable[[Metric], Values]
    ) -> tuple[dict[str, Values], dict[str, float]]:
        """Return values and means by name; `hit_metric` gives the values of metrics of hits.

        Metrics of all lists together have no values; means leave out nan.
        """
        values, means = {}, {}
        for name, metric in metrics.items():
            if metric.name in AGGREGATE_METRICS:
                top = self.items[:, : metric.k]
                means[name] = AGGREGATE_METRICS[metric.name](top, self.popularity)
                continue
            in_content = metric.name in CONTENT_METRICS
            values[name] = self.content_metric(metric) if in_content else hit_metric(metric)
            means[name] = _mean(values[name])
        return values, means

    def hit_metric(self, metric: Metric) -> Values:
        """Return (b,) values; nan for users without a relevant item in the metric's group."""
        in_group = self._item_group(metric.suffix)
        counts = relevant_counts(self.relevant, in_group)[self.users]
        return hit_values(metric, self.hits & in_group[self.items], counts)

    def content_metric(self, metric: Metric) -> Values:
        """Return (b,) values; nan for users with too little content in lists or histories.

        Without any content, the fused view that is read by default is missing: all nan.
        """
        name, items = metric.suffix or FUSED, self.items[:, : metric.k]
        if metric.suffix and name not in self.views:
            raise DataError("no such view", received=name, remedy=nearest(name, self.views))
        if name not in self.views:
            return np.full(len(items), np.nan)
        if metric.name == "diversity":
            return diversity(items, self.views[name])
        history = self.train.positives()[self.users]
        return calibration(items, history, content_clusters(self.views[name]))

    def _item_group(self, group: str) -> Bools:
        """Return (n,) whether an item belongs to a group; "" is all of them."""
        warm = np.zeros(self.train.shape[1], bool)
        warm[self.train.items] = True
        return {"": np.ones_like(warm), "warm": warm, "cold": ~warm}[group]


def relevant_counts(relevant: Csr, in_group: Bools) -> Ints:
    """Return (u,) the number of each user's relevant items (u, n) that are in a group (n,)."""
    totals = np.concatenate([[0], np.cumsum(in_group[relevant.indices], dtype=np.int64)])
    counts: Ints = np.diff(totals[relevant.indptr])
    return counts


def hit_values(metric: Metric, hits: Bools, counts: Ints) -> Values:
    """Return (b,) a metric of lists (b, k) that have these hits; nan where counts (b,) are 0."""
    rows = counts > 0
    values = np.full(len(counts), np.nan)
    values[rows] = HIT_METRICS[metric.name](hits[rows, : metric.k], counts[rows])
    return values


def _mean(values: Values) -> float:
    numbers = values[~np.isnan(values)]
    return float(numbers.mean()) if len(numbers) else float("nan")


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
    relevant = np.sort(rows * items + indices)
    listed = users[:, None] * items + lists
    nearest_pair = np.minimum(np.searchsorted(relevant, listed), len(relevant) - 1)
    hits: Bools = (relevant[nearest_pair] == listed) & (lists >= 0)
    return hits
