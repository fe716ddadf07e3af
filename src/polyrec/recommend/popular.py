"""The same for everyone: the baseline that every personal model has to beat."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from polyrec.contracts import part
from polyrec.recommend.base import BaseRecommender
from polyrec.types import Floats, Interactions, Query, Views


@part
class Popular(BaseRecommender):
    """Score items by the positive weight that all users gave them, or by how many took them.

    The two differ where events have weights or are repeated.

    >>> train = Interactions.of([0, 1, 1], [2, 2, 0], shape=(2, 3))
    >>> Popular().fit(train).recommend(Query.of([[2]]), 2).items
    array([[0, 1]])
    """

    count: Literal["weight", "users"] = "weight"

    is_personal: ClassVar[bool] = False

    def _fit(self, train: Interactions, _items: Views, _valid: Interactions | None) -> None:
        if self.count == "users":
            takers = np.bincount(train.positives().indices, minlength=train.shape[1])
            self.popularity_ = takers.astype(np.float32)

    def _score(self, query: Query) -> Floats:
        return np.tile(self.popularity_, (len(query), 1))
