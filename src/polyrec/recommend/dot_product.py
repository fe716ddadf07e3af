"""Score = a user's vector times the items'."""

from __future__ import annotations

import numpy as np

from polyrec.contracts import learned, part
from polyrec.recommend.base import BaseRecommender
from polyrec.types import Bools, Floats, Ints, Query


@part
class DotProduct(BaseRecommender):
    """What models of user and item vectors share. `_fit` of a model sets `vectors_`.

    A model gives `users(query)`, (b, d) vectors made of the histories that the questions bring: new
    events count at once.
    """

    vectors_: Floats = learned()  # (n, d) of the items

    def users(self, query: Query) -> Floats:
        """Return (b, d) vectors of the users in a query."""
        raise NotImplementedError

    def _informative(self, items: Ints) -> Bools:
        return np.asarray(self.vectors_[items].any(axis=1))

    def _score(self, query: Query) -> Floats:
        scores: Floats = self.users(query) @ self.vectors_.T
        return scores


def mean_norm(vectors: Floats) -> float:
    """Return the mean length of the rows, 0 where there are none."""
    return float(np.linalg.norm(vectors, axis=1).mean()) if len(vectors) else 0.0


def to_norm(vectors: Floats, target: float) -> Floats:
    """Return the rows at one length; those of length 0 stay as they are."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors * (target / np.where(norms > 0, norms, 1)), np.float32)
