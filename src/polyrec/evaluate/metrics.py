"""Metrics of ranked lists, by name: some per user, some over the lists of all users.

`ndcg@20` counts all relevant items, `ndcg@20:cold` those without a train event, `ndcg@20:warm` the
others; `diversity@20` reads the fused view, `diversity@20:image` the view `image`.

In the formulas: k list length, H hits among the first k, T the user's relevant items.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from polyrec.errors import ConfigError, nearest
from polyrec.types import Bools, Floats, Ints

Values: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """A metric at a cut-off, of a group of items or of a view.

    >>> Metric.parse("ndcg@20:cold")
    Metric(name='ndcg', k=20, suffix='cold')
    """

    name: str
    k: int
    suffix: str = ""  # of `ITEM_GROUPS`, or a view; "": all items, the fused view

    @classmethod
    def parse(cls, text: str) -> Metric:
        """Return the metric that "name@k" or "name@k:suffix" names, or raise `ConfigError`."""
        head, colon, suffix = text.partition(":")
        name, at, k = head.partition("@")
        names = (*HIT_METRICS, *CONTENT_METRICS, *AGGREGATE_METRICS)
        if name not in names:
            raise ConfigError("unknown metric", received=text, remedy=nearest(name, names))
        if not at or not k.isdecimal() or int(k) < 1:
            raise ConfigError("a metric is name@k, k >= 1", received=text, remedy=f"{name}@20")
        by_group = name in HIT_METRICS and suffix in ITEM_GROUPS
        if colon and not by_group and not (name in CONTENT_METRICS and suffix):
            remedy = "after the colon: warm or cold; a view for diversity and calibration"
            raise ConfigError("unknown suffix of a metric", received=text, remedy=remedy)
        return cls(name, int(k), suffix)


def with_warm_and_cold(metrics: Sequence[str]) -> tuple[str, ...]:
    """Return the metrics, each that counts hits followed by its values on warm and cold items.

    >>> with_warm_and_cold(["recall@5", "gini@5"])
    ('recall@5', 'recall@5:warm', 'recall@5:cold', 'gini@5')
    """
    names = []
    for name in metrics:
        metric = Metric.parse(name)
        counts_hits = metric.name in HIT_METRICS and not metric.suffix
        names += [name, *(f"{name}:{group}" for group in ITEM_GROUPS if counts_hits)]
    return tuple(dict.fromkeys(names))


def recall(hits: Bools, relevant: Ints) -> Values:
    """Return (b,) |H| / |T|.

    >>> recall(np.array([[True, False]]), np.array([4]))
    array([0.25])
    """
    return np.asarray(hits.sum(axis=1) / relevant)


def precision(hits: Bools, relevant: Ints) -> Values:  # noqa: ARG001 - same signature for all
    """Return (b,) |H| / k."""
    return np.asarray(hits.mean(axis=1))


def ndcg(hits: Bools, relevant: Ints) -> Values:
    """Return (b,) sum over hits of 1 / log2(rank + 1), over that of the ideal list.

    Binary gains; the ideal list is cut at min(|T|, k) (Järvelin & Kekäläinen, ACM TOIS 2002).
    """
    k = hits.shape[1]
    discount = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discount)[np.minimum(relevant, k) - 1]
    return np.asarray((hits * discount).sum(axis=1) / ideal)


def average_precision(hits: Bools, relevant: Ints) -> Values:
    """Return (b,) the mean of precision at each hit's rank, over min(|T|, k)."""
    ranks = np.arange(1, hits.shape[1] + 1)
    at_hits = np.where(hits, np.cumsum(hits, axis=1) / ranks, 0)
    return np.asarray(at_hits.sum(axis=1) / np.minimum(relevant, hits.shape[1]))


def reciprocal_rank(hits: Bools, relevant: Ints) -> Values:  # noqa: ARG001 - same signature for all
    """Return (b,) 1 / rank of the first hit, 0 without one among the first k."""
    first = hits.argmax(axis=1)
    return np.asarray(np.where(hits.any(axis=1), 1 / (first + 1), 0.0))


def hit_rate(hits: Bools, relevant: Ints) -> Values:  # noqa: ARG001 - same signature for all
    """Return (b,) 1 where there is a hit, else 0."""
    return np.asarray(hits.any(axis=1), np.float64)


def accuracy(hits: Bools, relevant: Ints) -> Values:
    """Return (b,) top-k categorical accuracy over relevant items instead of users.

    Values are scaled so that their mean is the share of relevant items, of all users together, that
    are among the first k.
    """
    return np.asarray(hits.sum(axis=1) * (len(relevant) / relevant.sum()))


HIT_METRICS: Mapping[str, Callable[[Bools, Ints], Values]] = {
    "recall": recall,
    "precision": precision,
    "ndcg": ndcg,
    "map": average_precision,
    "mrr": reciprocal_rank,
    "hit_rate": hit_rate,
    "accuracy": accuracy,
}


ITEM_GROUPS = ("warm", "cold")
"""Relevant items with a train event, and those without one."""

CONTENT_METRICS = ("diversity", "calibration")
"""The metrics per user that read a view of the items: `evaluate.content`."""


def coverage(lists: Ints, counts: Floats) -> float:
    """Return the share of the catalogue that is in any list; `counts` (n,) are train events."""
    return len(_list_counts(lists, counts).nonzero()[0]) / len(counts)


def gini(lists: Ints, counts: Floats) -> float:
    """Return the Gini index of how often items are listed: 0 equally, near 1 a few items only.

    >>> round(gini(np.array([[0], [0]]), np.ones(4, np.float32)), 2)
    0.75
    """
    listed = np.sort(_list_counts(lists, counts))
    total, items = listed.sum(), len(listed)
    if not total:
        return float("nan")
    ranks = np.arange(1, items + 1)
    return float(((2 * ranks - items - 1) * listed).sum() / (items * total))


def novelty(lists: Ints, counts: Floats) -> float:
    """Return the mean self-information of listed items, -log2 of the share of train events.

    In bits; an item without events counts as if it had one (Zhou et al., PNAS 2010).
    """
    listed = _list_counts(lists, counts)
    information = -np.log2(np.maximum(counts, 1) / max(1.0, float(counts.sum())))
    return float(listed @ information / listed.sum()) if listed.sum() else float("nan")


def long_tail(lists: Ints, counts: Floats) -> float:
    """Return the share of listed items outside the head, the fifth of items with most events."""
    head = np.argsort(-counts, kind="stable")[: max(1, len(counts) // 5)]
    listed = _list_counts(lists, counts)
    return float(1 - listed[head].sum() / listed.sum()) if listed.sum() else float("nan")


AGGREGATE_METRICS: Mapping[str, Callable[[Ints, Floats], float]] = {
    "coverage": coverage,
    "gini": gini,
    "novelty": novelty,
    "long_tail": long_tail,
}


def _list_counts(lists: Ints, counts: Floats) -> Ints:
    return np.bincount(lists[lists >= 0], minlength=len(counts))
