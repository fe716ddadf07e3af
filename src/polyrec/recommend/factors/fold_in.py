"""Trained users whose histories go on, and users who were never trained."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from polyrec.recommend.dot_product import Vectors
from polyrec.recommend.factors.ridge import Ridge
from polyrec.types import Csr, Floats, Interactions, Query

_UNOBSERVED = 0.1  # weight of what a history does not hold, as in iALS
_L2 = 0.003
_EVEN = 1e-3  # ridge of the map, as a share of the mean square


@dataclass
class FoldedVectors(Vectors):
    """Models that train a vector per user, and move it by what the question's history says.

        said(history) = argmin_w sum_history |a| (p - w'q)^2 + .1 sum_items (w'q)^2 + l2 |w|^2
        user = M'said(history) + own_u,    own_u = trained_u - M'said(history in train)

    q are the items' vectors, a and p as in `ALS`; M is the ridge regression of all trained vectors
    on what their histories say. Who asks with the history of train has the trained vector, to the
    last digits; newer events move it as far as they move what the history says; someone unknown
    has no own part.
    """

    biases_: Floats = field(init=False, repr=False, compare=False)  # (n,)
    own_: Floats = field(init=False, repr=False, compare=False)  # (u, d) what no history says
    map_: Floats = field(init=False, repr=False, compare=False)  # M (d, d)
    length_: float = field(init=False, repr=False, compare=False)  # root mean square of |q|
    _ridge: Ridge | None = field(init=False, repr=False, compare=False, default=None)

    def users(self, query: Query) -> Floats:
        """Return (b, d) the vectors that history and own part make."""
        vectors: Floats = self._said(query.matrix(len(self.vectors_))) @ self.map_
        known = np.flatnonzero((query.users >= 0) & (query.users < len(self.own_)))
        vectors[known] += self.own_[query.users[known]]
        return vectors

    def score(self, query: Query) -> Floats:
        """Return (b, n) scores; without history, what is popular."""
        scores: Floats = self.users(query) @ self.vectors_.T + self.biases_
        scores[np.diff(query.starts) == 0] = self.popularity_
        return scores

    def _settle(self, trained: Floats, train: Interactions) -> None:
        """Part the trained users into what their histories say and what is their own."""
        taken = self.vectors_[self.popularity_ > 0]
        self.length_ = float(np.sqrt((taken**2).sum(axis=1).mean())) if len(taken) else 1.0
        self._ridge = None
        query = train.histories(np.arange(train.shape[0]))
        said = self._said(query.matrix(len(self.vectors_)))
        some = np.diff(query.starts) > 0
        told = said[some].astype(np.float64)
        square = told.T @ told
        square[np.diag_indices_from(square)] += _EVEN * np.trace(square) / len(square) + 1e-9
        self.map_ = np.linalg.solve(square, told.T @ trained[some]).astype(np.float32)
        self.own_ = np.where(some[:, None], trained - said @ self.map_, np.float32(0))

    def _said(self, history: Csr) -> Floats:
        known = self.popularity_ > 0
        if self._ridge is None:
            self._ridge = Ridge(self.vectors_, _UNOBSERVED, counted=known)
        taken = np.asarray(abs(history).sum(axis=1)).reshape(-1)
        l2 = _L2 * max(self.length_, 1e-6) ** 2 * np.maximum(taken + _UNOBSERVED * known.sum(), 1)
        return self._ridge.solve(history, l2.astype(np.float32))
