"""The same for everyone: the yardstick that every personal model has to beat."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from polyrec.recommend.base import popularity, rank
from polyrec.types import Floats, Interactions, Query, Ranking, Views


@dataclass
class Popular:
    """Score items by the positive weight that all users gave them.

    >>> train = Interactions.of([0, 1, 1], [2, 2, 0], shape=(2, 3))
    >>> Popular().fit(train, {}).recommend(Query.of([[2]]), 2).items
    array([[0, 1]])
    """

    popularity_: Floats = field(init=False, repr=False, compare=False)  # (n,)

    def fit(self, train: Interactions, items: Views) -> Self:  # noqa: ARG002 - content is not read
        """Count."""
        self.popularity_ = popularity(train)
        return self

    def score(self, query: Query) -> Floats:
        """Return (b, n) the same row for everyone."""
        return np.tile(self.popularity_, (len(query), 1))

    def recommend(self, query: Query, k: int, *, hide_seen: bool = True) -> Ranking:
        """Return the k best items of each row; equal scores go to the lower item number."""
        return rank(self.score, query, k, hide_seen=hide_seen)
