"""Alternating least squares: all pairs of a user and an item count, and each step is exact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from scipy import sparse

from polyrec.contracts import cached, learned, part
from polyrec.errors import FitError
from polyrec.recommend.base import count_items
from polyrec.recommend.content_features import content_means, content_rows
from polyrec.recommend.dot_product import DotProduct, mean_norm, to_norm
from polyrec.recommend.factors.ridge import Ridge
from polyrec.types import Csr, Floats, Interactions, Query, Views


@part
class ALS(DotProduct):
    """score = w'h, w and h in turns the best there are for the other (Hu et al., ICDM 2008).

    Loss as in iALS (Rendle et al., "Revisiting the performance of iALS", RecSys 2022, eq. 3-8):

        sum_events |a| (p - w'h)^2 + unobserved sum_all_pairs (w'h)^2
            + l2 sum_u (|a_u| + unobserved n)^exponent |w_u|^2 + likewise for items

    a are weights in units of their mean; p is 1, for a dislike 0. With views, an item's h is
    regularised towards its content, content B'x, instead of towards 0: B is a ridge regression
    (`content_l2`) of the items' vectors on their rows x, solved anew each round (regression-based
    factors, Agarwal & Chen, KDD 2009). An item that nobody took has h = B'x at the mean length of
    the others.

    A user's w is solved from the history in the question, the last half-step of the fit: exact for
    those who were trained and for those who come later. Cost of a round: see `ridge.Ridge`.

    >>> from polyrec.types import Interactions, Query
    >>> train = Interactions.of([0, 0, 1, 1, 2], [0, 1, 0, 1, 2], shape=(3, 3))
    >>> ALS(dim=2).fit(train, {}).recommend(Query.of([[0]]), 1).items
    array([[1]])
    """

    dim: int = 256
    unobserved: float = 0.02
    l2: float = 0.06
    exponent: float = 0.75
    rounds: int = 16
    spread: float = 0.1  # standard deviation of w'h at the start, times sqrt(dim)
    content: float = 1.0
    content_l2: float = 3.0
    seed: int = 7

    is_random: ClassVar[bool] = True
    small: ClassVar[Mapping[str, Any]] = {"dim": 8}

    map_: Floats = learned()  # B (sum of d, dim)
    means_: dict[str, Floats] = learned()  # of the views read
    unit_: float = learned()  # the mean weight of an event
    _ridge: Ridge | None = cached()

    def add_items(self, views: Views) -> Self:
        """Return a model that knows these further items too, numbered from n on."""
        count = count_items(views)
        rows = content_rows(views, self.means_, count)
        grown = self._grown(count)
        fresh = to_norm(rows @ self.map_, mean_norm(self.vectors_[self.popularity_ > 0]))
        grown.vectors_ = np.concatenate([self.vectors_, fresh])
        return grown

    def search_space(self, items: Views) -> Sequence[Mapping[str, Sequence[Any]]]:
        """Return the settings worth trying on valid, stage by stage."""
        return [
            {"exponent": (0.75, 1.0), "l2": (0.01, 0.02, 0.06, 0.1)},
            {"unobserved": (0.01, 0.02, 0.1, 0.3)},
            {"content": (0.0, 1.0), "content_l2": (1.0, 3.0, 10.0)} if items else {},
        ]

    def ranges(self, items: Views) -> Mapping[str, Any]:
        """Return where `polyrec tune` looks."""
        ranges = {
            "dim": [64, 128, 256],
            "unobserved": {"low": 0.005, "high": 1, "log": True},
            "l2": {"low": 0.0005, "high": 0.5, "log": True},
            "exponent": {"low": 0.5, "high": 1},
        }
        if not items:
            return ranges
        content = {"low": 0, "high": 1}
        return ranges | {"content": content, "content_l2": {"low": 0.5, "high": 30, "log": True}}

    def users(self, query: Query) -> Floats:
        """Return (b, dim) the vectors that explain the histories best."""
        if self._ridge is None:
            known = self.popularity_ > 0
            self._ridge = Ridge(self.vectors_, self.unobserved, counted=known)
        history = query.matrix(len(self.vectors_))
        history.data = history.data / np.float32(self.unit_)
        return self._ridge.solve(history, self._penalties(history, self._known()))

    def _fit(self, train: Interactions, items: Views, _valid: Interactions | None) -> None:
        """Solve users and items in turns."""
        if self.l2 <= 0:
            raise FitError("l2 must be over 0", received=self.l2, remedy="give l2 0.02, say")
        self.means_ = content_means(items) if self.content > 0 else {}
        events = train.matrix()
        strengths = np.abs(events.data[events.data != 0])
        self.unit_ = float(strengths.mean()) if len(strengths) else 1.0
        events.data /= np.float32(self.unit_)
        rows = content_rows(items, self.means_, train.shape[1])
        self._alternate(events, rows)
        self._place_cold_items(rows)
        self._ridge = None

    def _known(self) -> int:
        return int((self.popularity_ > 0).sum())

    def _penalties(self, events: Csr, others: int) -> Floats:
        """Return l2 of each row, which has so many columns to be compared with."""
        taken = np.asarray(abs(events).sum(axis=1)).reshape(-1)
        frequency = np.maximum(taken + self.unobserved * others, 1e-6)
        return np.asarray(self.l2 * frequency**self.exponent, np.float32)

    def _alternate(self, events: Csr, rows: Floats) -> None:
        generator = np.random.default_rng(self.seed)
        drawn = generator.standard_normal((events.shape[1], self.dim)) * self.spread
        known = self.popularity_ > 0
        vectors = (drawn / np.sqrt(self.dim) * known[:, None]).astype(np.float32)
        by_item = sparse.csr_array(events.T)
        of_users = self._penalties(events, self._known())
        of_items = self._penalties(by_item, events.shape[0])
        regression = _regression(rows, np.where(known, of_items, 0), self.content_l2)
        self.map_ = regression @ vectors
        for _ in range(self.rounds):
            users = Ridge(vectors, self.unobserved).solve(events, of_users)
            prior = (self.content * (rows @ self.map_)).astype(np.float32)
            means = prior if rows.shape[1] else None
            vectors = Ridge(users, self.unobserved).solve(by_item, of_items, means=means)
            vectors[~known] = 0
            self.map_ = regression @ vectors
        self.vectors_ = vectors

    def _place_cold_items(self, rows: Floats) -> None:
        """Give the items that nobody took the vectors that their content predicts."""
        cold = self.popularity_ == 0
        target = mean_norm(self.vectors_[~cold])
        self.vectors_[cold] = to_norm(rows[cold] @ self.map_, target)


def _regression(rows: Floats, weights: Floats, l2: float) -> Floats:
    """Return (sum of d, n) K with B = K H, the ridge regression of vectors H on content rows."""
    scaled = rows * (weights / max(float(weights.mean()), 1e-12))[:, None]
    square = scaled.T.astype(np.float64) @ rows
    square[np.diag_indices_from(square)] += l2
    return np.linalg.solve(square, scaled.T).astype(np.float32)
