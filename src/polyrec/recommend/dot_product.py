"""Score = a user's vector times the items': what every model of vectors does once it is fitted."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from polyrec.recommend.base import rank
from polyrec.types import Floats, Query, Ranking


@dataclass
class Vectors:
    """What models of vectors share. A model's `fit` sets `vectors_` and `popularity_`.

    A model gives `users(query)`, (b, d) vectors made of the histories that the questions bring: new
    events count at once. Someone without history gets what is popular.
    """

    vectors_: Floats = field(init=False, repr=False, compare=False)  # (n, d) of the items
    popularity_: Floats = field(init=False, repr=False, compare=False)  # (n,)

    def users(self, query: Query) -> Floats:
        """Return (b, d) vectors of those who ask."""
        raise NotImplementedError

    def score(self, query: Query) -> Floats:
        """Return (b, n) scores; without history, what is popular."""
        scores: Floats = self.users(query) @ self.vectors_.T
        scores[np.diff(query.starts) == 0] = self.popularity_
        return scores

    def recommend(self, query: Query, k: int, *, hide_seen: bool = True) -> Ranking:
        """Return the k best items of each row; equal scores go to the lower item number."""
        return rank(self.score, query, k, hide_seen=hide_seen)


def mean_norm(vectors: Floats) -> float:
    """Return the mean length of the rows, 0 where there are none."""
    return float(np.linalg.norm(vectors, axis=1).mean()) if len(vectors) else 0.0


def to_norm(vectors: Floats, target: float) -> Floats:
    """Return the rows at one length; those of length 0 stay as they are."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors * (target / np.where(norms > 0, norms, 1)), np.float32)
