"""A linear autoencoder in closed form: one matrix inverse, no training loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from polyrec.contracts import part
from polyrec.recommend.linear.gram import L2_TRIED, check_memory, gram, inverse
from polyrec.recommend.linear.item_item import ItemItem
from polyrec.types import Interactions, Views


@part
class EASE(ItemItem):
    """P = (R'R + l2 I)^-1, W_ij = -P_ij / P_jj, diagonal 0 (Steck, WWW 2019, eq. 8).

    Memory: 4 n^2 bytes for W, the inverse made in its place, and as much again while the Gram
    matrix is laid out. Time: n^3 multiply-adds.

    >>> from polyrec.types import Interactions, Query
    >>> train = Interactions.of([0, 0, 1, 1, 2], [0, 1, 0, 1, 2], shape=(3, 3))
    >>> EASE(l2=1).fit(train, {}).recommend(Query.of([[0]]), 1).items
    array([[1]])
    """

    l2: float = 200.0

    def _fit(self, train: Interactions, _items: Views, _valid: Interactions | None) -> None:
        """Invert the Gram matrix of the train behaviour."""
        self.check_size(train.shape[1])
        weights = inverse(gram(train), self.l2)
        weights /= -np.diag(weights)
        np.fill_diagonal(weights, 0)
        self.weights_ = weights

    def check_size(self, items: int) -> None:
        """Raise `FitError` where a fit of so many items exceeds the memory."""
        check_memory(items, matrices=2)

    def search_space(self, items: Views) -> Sequence[Mapping[str, Sequence[Any]]]:  # noqa: ARG002
        """Return the settings worth trying on valid."""
        return [{"l2": L2_TRIED}]

    def ranges(self, items: Views) -> Mapping[str, Any]:  # noqa: ARG002
        """Return where `polyrec tune` looks."""
        return {"l2": {"low": 10, "high": 5000, "log": True}}
