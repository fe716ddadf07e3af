"""The same for everyone: the baseline that every personal model has to beat."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from polyrec.contracts import part
from polyrec.recommend.base import BaseRecommender
from polyrec.types import Floats, Interactions, Query, Views


@part
class Popular(BaseRecommender):
    """Score items by the positive weight that all users gave them.

    >>> train = Interactions.of([0, 1, 1], [2, 2, 0], shape=(2, 3))
    >>> Popular().fit(train).recommend(Query.of([[2]]), 2).items
    array([[0, 1]])
    """

    is_personal: ClassVar[bool] = False

    def _fit(self, _train: Interactions, _items: Views, _valid: Interactions | None) -> None:
        """Learn no more than what every recommender counts."""

    def _score(self, query: Query) -> Floats:
        return np.tile(self.popularity_, (len(query), 1))
