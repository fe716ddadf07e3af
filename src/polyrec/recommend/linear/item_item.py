"""Score = history @ weights: what every item-item model does once it is fitted."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from polyrec.contracts import cached, learned, part
from polyrec.recommend.base import BaseRecommender
from polyrec.recommend.linear.growable_matrix import GrowableMatrix
from polyrec.types import Csr, Floats, Interactions, Query

BEHAVIOUR = "behaviour"
"""The source of weights that were learned from behaviour alone."""


@part
class ItemItem(BaseRecommender):
    """What item-item models share. `_fit` of a model sets `weights_`.

    New events need no fit: they are part of the question.
    """

    weights_: Floats | Csr = learned()  # (n, n), from history item to item
    _storage: GrowableMatrix | None = cached()  # where weights_ lie, once items were added

    def weight_contributions(self, item: int, train: Interactions) -> dict[str, Floats]:  # noqa: ARG002
        """Return what W_:item, (n,) from each item of a history to this one, is the sum of."""
        weights = self.weights_
        if isinstance(weights, np.ndarray):
            return {BEHAVIOUR: np.asarray(weights[:, item])}
        return {BEHAVIOUR: np.asarray(weights[:, [item]].toarray()).reshape(-1)}

    def _score(self, query: Query) -> Floats:
        """Return (b, n) scores.

        Items that a sparse model can't reach from a history come after all that it reaches, by
        popularity.
        """
        if len(query) == 1 and len(query.items) and isinstance(self.weights_, np.ndarray):
            # one question: its rows alone are read, and no sparse matrix is made
            row: Floats = query.weights @ self.weights_[query.items]
            return row[None]
        # scipy would copy a matrix whose rows don't lie one behind the other
        weights = self.weights_ if self._storage is None else self._storage.matrix
        product = query.matrix(weights.shape[0]) @ weights
        if isinstance(product, np.ndarray):
            return product[:, : len(self.popularity_)]
        return over_popularity(sparse.csr_array(product), self.popularity_)


def over_popularity(reached: Csr, popularity: Floats) -> Floats:
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
