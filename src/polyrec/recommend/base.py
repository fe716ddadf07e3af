"""Score = history @ weights: what every item-item model does once it is fitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from polyrec.errors import FitError
from polyrec.index.topk import top_k
from polyrec.recommend.linear.growable_matrix import Room
from polyrec.types import Csr, Floats, Interactions, Query, Ranking

BEHAVIOUR = "behaviour"
"""The source of weights that were learned from behaviour alone."""

_BATCH_BYTES = 64 * 2**20  # scores held at once while ranking


def rank(score: Callable[[Query], Floats], query: Query, k: int, *, hide_seen: bool) -> Ranking:
    """Return the k best items per question from a `score` function, in bounded memory."""
    if k < 1:
        raise FitError("a list holds at least one item", received=k, remedy="ask for k >= 1")
    lists = []
    start = 0
    step = 1  # the first question tells how wide the rows are
    while start < len(query):
        part = query.take(start, min(start + step, len(query)))
        scores = score(part)
        if hide_seen:
            scores[np.repeat(np.arange(len(part)), np.diff(part.starts)), part.items] = -np.inf
        lists.append(top_k(scores, k))
        start += len(part)
        step = max(1, _BATCH_BYTES // (4 * scores.shape[1]))
    if not lists:
        return Ranking(np.empty((0, k), np.int64), np.empty((0, k), np.float32))
    return Ranking(np.concatenate([i for i, _ in lists]), np.concatenate([s for _, s in lists]))


@dataclass
class ItemItem:
    """What item-item models share. `fit` of a model sets `weights_` and `popularity_`.

    New events need no fit: they are part of the question. Someone without history gets what is
    popular.
    """

    weights_: Floats | Csr = field(
        init=False, repr=False, compare=False
    )  # (n, n), from history item to item
    popularity_: Floats = field(init=False, repr=False, compare=False)  # (n,)
    # where weights_ lie, once items were added
    _room: Room | None = field(default=None, init=False, repr=False, compare=False)

    def score(self, query: Query) -> Floats:
        """Return (b, n) scores.

        Items that a sparse model can't reach from a history come after all that it reaches, by
        popularity; so do all items where there is no history.
        """
        if len(query) == 1 and len(query.items) and isinstance(self.weights_, np.ndarray):
            # one question: its rows alone are read, and no sparse matrix is made
            one: Floats = query.weights @ self.weights_[query.items]
            return one[None]
        count = len(self.popularity_)
        # scipy would copy a matrix whose rows don't lie one behind the other
        weights = self.weights_ if self._room is None else self._room.matrix
        product = query.matrix(weights.shape[0]) @ weights
        if isinstance(product, np.ndarray):
            product = product[:, :count]
            product[np.diff(query.starts) == 0] = self.popularity_
            return product
        return _over_popularity(sparse.csr_array(product), self.popularity_)

    def recommend(self, query: Query, k: int, *, hide_seen: bool = True) -> Ranking:
        """Return the k best items of each row; equal scores go to the lower item number."""
        return rank(self.score, query, k, hide_seen=hide_seen)

    def weight_contributions(self, item: int, train: Interactions) -> dict[str, Floats]:  # noqa: ARG002
        """Return what W_:item, (n,) from each item of a history to this one, is the sum of."""
        weights = self.weights_
        if isinstance(weights, np.ndarray):
            return {BEHAVIOUR: np.asarray(weights[:, item])}
        return {BEHAVIOUR: np.asarray(weights[:, [item]].toarray()).reshape(-1)}


def _over_popularity(reached: Csr, popularity: Floats) -> Floats:
    """Return dense scores: those reached, and below the least positive one the others."""
    rows = np.repeat(np.arange(reached.shape[0]), np.diff(reached.indptr))
    least = np.full(reached.shape[0], np.inf, np.float32)
    positive = reached.data > 0
    np.minimum.at(least, rows[positive], reached.data[positive])
    below = np.where(np.isfinite(least), least / 2, 1)
    scores: Floats = np.multiply.outer(below, popularity / max(1.0, float(popularity.max())))
    scores = scores.astype(np.float32, copy=False)
    scores[rows, reached.indices] = reached.data
    return scores


def popularity(train: Interactions) -> Floats:
    """Return (n,) the summed positive weight of each item."""
    return np.asarray(train.positives().sum(axis=0), np.float32).reshape(-1)
