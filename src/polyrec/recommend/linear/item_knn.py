"""Item-item cosine with shrinkage: old, fast, and hard to beat by much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from polyrec.contracts import part
from polyrec.recommend.linear.item_item import ItemItem
from polyrec.types import Csr, Interactions, Views


@part
class ItemKNN(ItemItem):
    """W_ij = G_ij / (|i| |j| + shrink), G = R'R, diagonal 0 (Sarwar et al., WWW 2001).

    `neighbours` keeps the largest of each column; None keeps all. Cost: one sparse product.

    >>> from polyrec.types import Interactions, Query
    >>> train = Interactions.of([0, 0, 1, 1, 2], [0, 1, 0, 1, 2], shape=(3, 3))
    >>> ItemKNN(shrink=0).fit(train, {}).recommend(Query.of([[0]]), 1).items
    array([[1]])
    """

    shrink: float = 100.0
    neighbours: int | None = None

    def _fit(self, train: Interactions, _items: Views, _valid: Interactions | None) -> None:
        """Count who took what together."""
        matrix = train.positives()
        gram = sparse.coo_array(matrix.T @ matrix)
        source, target = gram.coords
        norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=0)).reshape(-1))
        values = gram.data / (norms[source] * norms[target] + self.shrink)
        values[source == target] = 0
        weights = sparse.csc_array((values.astype(np.float32), gram.coords), shape=gram.shape)
        weights.eliminate_zeros()
        self.weights_ = strongest(weights, self.neighbours)

    def search_space(self, items: Views) -> Sequence[Mapping[str, Sequence[Any]]]:  # noqa: ARG002
        """Return the settings worth trying on valid."""
        return [{"shrink": (10.0, 30.0, 100.0, 300.0, 1000.0)}]

    def ranges(self, items: Views) -> Mapping[str, Any]:  # noqa: ARG002
        """Return where `polyrec tune` looks."""
        neighbours = [5, 10, 20, 50, 100, 200, 500, 1000, None]
        return {"shrink": {"low": 1, "high": 3000, "log": True}, "neighbours": neighbours}


def strongest(weights: sparse.csc_array, neighbours: int | None) -> Csr:
    """Return the matrix with only the largest entries of each column; None keeps all."""
    if neighbours is not None:
        counts = np.diff(weights.indptr)
        order = np.lexsort((-weights.data, np.repeat(np.arange(weights.shape[1]), counts)))
        rank = np.arange(weights.nnz) - np.repeat(weights.indptr[:-1], counts)
        weights.data[order[rank >= neighbours]] = 0
        weights.eliminate_zeros()
    return sparse.csr_array(weights)
