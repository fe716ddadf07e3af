"""The protocol next_item: each event of a split is predicted from all events of its user before it.

Every target event is a query. Its history is ordered and keeps repeats; nothing is hidden, as an
item may be taken again. All items are ranked; equal scores share their mean rank, so that ties are
worth what a random order would be on average. Metrics are means over target events, not users.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from polyrec.contracts import Recommender
from polyrec.errors import FitError
from polyrec.evaluate.metrics import Metric, Values
from polyrec.evaluate.protocols import Evaluation, RankedLists, evaluate_top_k
from polyrec.index.topk import top_k
from polyrec.types import Floats, Interactions, Ints, Query, Ranking, Views

_BATCH_BYTES = 64 * 2**20  # scores held at once


class Criterion(NamedTuple):
    """A metric on valid, by which settings are chosen."""

    metric: str
    protocol: str = "compat"

    def score(
        self, recommender: Recommender, splits: tuple[Interactions, Interactions], views: Views
    ) -> float:
        """Return the metric of a fitted recommender on `splits` (train, valid)."""
        behaviour = dict(zip(("train", "valid"), splits, strict=True))
        evaluation = evaluate_split(
            recommender, behaviour, "valid", [self.metric], protocol=self.protocol, views=views
        )
        return evaluation.means[self.metric]


def evaluate_split(
    recommender: Recommender,
    behaviour: Mapping[str, Interactions],
    split: str,
    metrics: Sequence[str],
    *,
    protocol: str = "compat",
    views: Views | None = None,
) -> Evaluation:
    """Return how well a recommender that was fitted on train predicts "valid" or "test".

    Under next_item the histories of test hold the events of valid, too.
    """
    train, target = behaviour["train"], behaviour[split]
    if protocol != "next_item":
        return evaluate_top_k(recommender, train, target, metrics, views=views)
    past = [behaviour["valid"]] if split == "test" else []
    return evaluate_next_item(recommender, train, target, metrics, past=past, views=views)


def evaluate_next_item(
    recommender: Recommender,
    train: Interactions,
    target: Interactions,
    metrics: Sequence[str],
    *,
    past: Sequence[Interactions] = (),
    views: Views | None = None,
) -> Evaluation:
    """Return how well each event of `target` is predicted from its user's events before it.

    `past` are events between train and target, which are in histories but were not learned. Targets
    have a positive weight. Where several splits have events of the same time, earlier splits come
    first. The values are those of one relevant item per row: recall and hit rate are equal, and so
    are map and mrr; half ranks come from ties.
    """
    parsed = [Metric.parse(name) for name in metrics]
    query, targets = next_item_queries([train, *past], target)
    if not len(query):
        raise FitError("no event to evaluate", received=f"{len(target)} target events",
                       remedy="target events need positive weights")  # fmt: skip
    longest = max(metric.k for metric in parsed)
    ranks, ranking = _rank_targets(recommender, query, targets, longest)
    hits = ranking.items == targets[:, None]
    relevant = target.positives()
    lists = RankedLists(train, query.users, ranking.items, hits, relevant, views or {})
    known = np.bincount(train.items, minlength=train.shape[1])[targets] > 0
    groups = {"": np.ones_like(known), "warm": known, "cold": ~known}

    def of_ranks(metric: Metric) -> Values:
        return np.where(groups[metric.suffix], rank_values(metric, ranks), np.nan)

    values, means = lists.measure(dict(zip(metrics, parsed, strict=True)), of_ranks)
    ones = np.ones(len(query), np.int64)
    return Evaluation(query.users, ranking, hits, ones, values, means, targets=targets)


def next_item_queries(past: Sequence[Interactions], target: Interactions) -> tuple[Query, Ints]:
    """Return a query per liked event of `target`, with all events before it, and (b,) the items.

    Rows are by user, then in the order of their events.

    >>> train = Interactions.of([0, 0], [3, 1], times=[0, 1], shape=(1, 4))
    >>> target = Interactions.of([0, 0], [1, 2], times=[2, 3], shape=(1, 4))
    >>> query, items = next_item_queries([train], target)
    >>> query.items, np.diff(query.starts), items
    (array([3, 1, 3, 1, 1]), array([2, 3]), array([1, 2]))
    """
    events = Interactions.concatenate([*past, target])
    is_target = np.arange(len(events)) >= len(events) - len(target)
    order = np.lexsort((events.times, events.users))  # stable: earlier splits come first
    users = events.users[order]
    rows = np.flatnonzero(is_target[order] & (events.weights[order] > 0))
    first = np.searchsorted(users, users[rows])
    starts = np.concatenate([[0], np.cumsum(rows - first)]).astype(np.int64)
    entries = np.repeat(first - starts[:-1], rows - first) + np.arange(starts[-1])
    items = events.items[order]
    query = Query(users[rows], starts, items[entries], events.weights[order][entries])
    return query, items[rows]


def mean_ranks(scores: Floats, targets: Ints) -> Values:
    """Return (b,) the rank of each row's target, from 1; equal scores share their mean rank.

    >>> mean_ranks(np.float32([[3, 1, 1, 0]]), np.array([2]))
    array([2.5])
    """
    own = scores[np.arange(len(scores)), targets][:, None]
    better, equal = (scores > own).sum(axis=1), (scores == own).sum(axis=1)
    return np.asarray(better + (equal + 1) / 2)


def rank_values(metric: Metric, ranks: Values) -> Values:
    """Return (b,) a metric of rows with a single relevant item, which is at rank (b,).

    >>> rank_values(Metric.parse("ndcg@10"), np.array([1.0, 3.0, 11.0]))
    array([1. , 0.5, 0. ])
    """
    return np.where(ranks <= metric.k, _RANK_METRICS[metric.name](ranks, metric.k), 0.0)


_RANK_METRICS: Mapping[str, Callable[[Values, int], Values]] = {
    "recall": lambda ranks, _: np.ones_like(ranks),
    "hit_rate": lambda ranks, _: np.ones_like(ranks),
    "accuracy": lambda ranks, _: np.ones_like(ranks),
    "precision": lambda ranks, k: np.full_like(ranks, 1 / k),
    "ndcg": lambda ranks, _: 1 / np.log2(ranks + 1),
    "map": lambda ranks, _: 1 / ranks,
    "mrr": lambda ranks, _: 1 / ranks,
}


def _rank_targets(
    recommender: Recommender, query: Query, targets: Ints, k: int
) -> tuple[Values, Ranking]:
    """Return (b,) the targets' mean ranks and the lists of k, scored in bounded memory."""
    ranks, lists = [], []
    start, step = 0, 1  # the first row shows how many items there are
    while start < len(query):
        stop = min(start + step, len(query))
        scores = recommender.score(query.take(start, stop))
        ranks.append(mean_ranks(scores, targets[start:stop]))
        lists.append(top_k(scores, k))
        step = max(1, _BATCH_BYTES // (4 * scores.shape[1]))
        start = stop
    items, best = (np.concatenate(part) for part in zip(*lists, strict=True))
    return np.concatenate(ranks), Ranking(items, best)
