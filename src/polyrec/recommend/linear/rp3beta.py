"""A three-step random walk on the user-item graph, with popular items damped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from polyrec.contracts import part
from polyrec.recommend.linear.item_item import ItemItem
from polyrec.types import Floats, Interactions, Views


@part
class RP3Beta(ItemItem):
    """W = D_I^-alpha R' D_U^-alpha R D_I^-beta, diagonal 0 (Paudel et al., ACM TiiS 2016).

    Cost: one sparse product; memory: its non-zeros.

    >>> from polyrec.types import Interactions, Query
    >>> train = Interactions.of([0, 0, 1, 1, 2], [0, 1, 0, 1, 2], shape=(3, 3))
    >>> RP3Beta().fit(train, {}).recommend(Query.of([[0]]), 1).items
    array([[1]])
    """

    alpha: float = 0.8
    beta: float = 0.2

    def _fit(self, train: Interactions, _items: Views, _valid: Interactions | None) -> None:
        """Walk from item to user to item."""
        matrix = train.positives()
        users = _power(matrix.sum(axis=1), -self.alpha)
        to_user = _power(self.popularity_, -self.alpha) @ matrix.T
        to_item = users @ matrix @ _power(self.popularity_, -self.beta)
        weights = sparse.csr_array(to_user @ to_item, dtype=np.float32)
        weights.setdiag(0)
        weights.eliminate_zeros()
        self.weights_ = weights

    def search_space(self, items: Views) -> Sequence[Mapping[str, Sequence[Any]]]:  # noqa: ARG002
        """Return the settings worth trying on valid."""
        return [{"alpha": (0.5, 0.6, 0.7, 0.8, 0.9), "beta": (0.0, 0.2, 0.4)}]

    def ranges(self, items: Views) -> Mapping[str, Any]:  # noqa: ARG002
        """Return where `polyrec tune` looks."""
        return {"alpha": {"low": 0.3, "high": 1.3}, "beta": {"low": 0, "high": 0.8}}


def _power(degrees: Floats, exponent: float) -> sparse.dia_array:
    """Return the diagonal of degrees ** exponent, 0 where nobody goes."""
    flat = np.asarray(degrees, np.float64).reshape(-1)
    with np.errstate(divide="ignore"):
        return sparse.diags_array(np.where(flat > 0, flat**exponent, 0.0).astype(np.float32))
