"""Fold new events into trained users, and users who were never trained."""

from __future__ import annotations

import numpy as np

from polyrec.contracts import cached, learned, part
from polyrec.recommend.dot_product import DotProduct
from polyrec.recommend.factors.ridge import Ridge
from polyrec.types import Csr, Floats, Interactions, Query

_UNOBSERVED = 0.1  # weight of what a history does not hold, as in iALS
_L2 = 0.003
_EVEN = 1e-3  # ridge of the map, as a share of the mean square


@part
class FoldInVectors(DotProduct):
    """Models that train a vector per user, and move it by the history of the question.

        fold(history) = argmin_w sum_history |a| (p - w'q)^2 + .1 sum_items (w'q)^2 + l2 |w|^2
        user = M'fold(history) + own_u,    own_u = trained_u - M'fold(history in train)

    q are the items' vectors, a and p as in `ALS`; M is the ridge regression of all trained vectors
    on their folded histories. With the history of train a user has the trained vector, to the last
    digits; newer events move it as far as they move the folded history; an unknown user has no own
    part.
    """

    biases_: Floats = learned()  # (n,)
    own_: Floats = learned()  # (u, d) what the history does not explain
    map_: Floats = learned()  # M (d, d)
    length_: float = learned()  # root mean square of |q|
    _ridge: Ridge | None = cached()

    def users(self, query: Query) -> Floats:
        """Return (b, d) the vectors that history and own part make."""
        vectors: Floats = self._fold(query.matrix(len(self.vectors_))) @ self.map_
        known = np.flatnonzero((query.users >= 0) & (query.users < len(self.own_)))
        vectors[known] += self.own_[query.users[known]]
        return vectors

    def _score(self, query: Query) -> Floats:
        scores: Floats = self.users(query) @ self.vectors_.T + self.biases_
        return scores

    def _split_users(self, trained: Floats, train: Interactions) -> None:
        """Split the trained users into what their histories explain and what is their own."""
        taken = self.vectors_[self.popularity_ > 0]
        self.length_ = float(np.sqrt((taken**2).sum(axis=1).mean())) if len(taken) else 1.0
        self._ridge = None
        query = train.histories(np.arange(train.shape[0]))
        folded = self._fold(query.matrix(len(self.vectors_)))
        active = np.diff(query.starts) > 0
        rows = folded[active].astype(np.float64)
        square = rows.T @ rows
        square[np.diag_indices_from(square)] += _EVEN * np.trace(square) / len(square) + 1e-9
        self.map_ = np.linalg.solve(square, rows.T @ trained[active]).astype(np.float32)
        self.own_ = np.where(active[:, None], trained - folded @ self.map_, np.float32(0))

    def _fold(self, history: Csr) -> Floats:
        known = self.popularity_ > 0
        if self._ridge is None:
            self._ridge = Ridge(self.vectors_, _UNOBSERVED, counted=known)
        taken = np.asarray(abs(history).sum(axis=1)).reshape(-1)
        l2 = _L2 * max(self.length_, 1e-6) ** 2 * np.maximum(taken + _UNOBSERVED * known.sum(), 1)
        return self._ridge.solve(history, l2.astype(np.float32))
