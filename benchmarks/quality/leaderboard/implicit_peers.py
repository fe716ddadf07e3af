"""ALS and BPR of the package implicit (Frederickson; MIT), spoken to like models of our own."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from implicit.cpu.bpr import BayesianPersonalizedRanking
from scipy import sparse

from polyrec.recommend.base import popularity, rank
from polyrec.types import Floats, Interactions, Query, Ranking, Views


@dataclass
class Factors:
    """score = u'v for the users met at fit; what is popular for others."""

    factors: int = 64
    regularization: float = 0.01
    iterations: int = 15
    seed: int = 7

    users_: Floats = field(init=False, repr=False, compare=False)
    items_: Floats = field(init=False, repr=False, compare=False)
    popularity_: Floats = field(init=False, repr=False, compare=False)

    def peer(self) -> Any:
        """Return implicit's own model with these settings."""
        raise NotImplementedError

    def fit(self, train: Interactions, items: Views) -> Self:  # noqa: ARG002 - content is not read
        """Let implicit learn from what was liked."""
        self.popularity_ = popularity(train)
        model = self.peer()
        with warnings.catch_warnings():  # it warns of BLAS threads, which are set to one
            warnings.simplefilter("ignore")
            model.fit(sparse.csr_matrix(train.positives()), show_progress=False)
        self.users_ = np.asarray(model.user_factors, np.float32)
        self.items_ = np.asarray(model.item_factors, np.float32)
        return self

    def score(self, query: Query) -> Floats:
        """Return (b, n) scores."""
        scores: Floats = self.users_[query.users] @ self.items_.T
        scores[query.users < 0] = self.popularity_
        return scores

    def recommend(self, query: Query, k: int, *, hide_seen: bool = True) -> Ranking:
        """Return the k best items of each row."""
        return rank(self.score, query, k, hide_seen=hide_seen)


@dataclass
class ImplicitALS(Factors):
    """Weighted alternating least squares with conjugate gradients."""

    alpha: float = 1.0

    def peer(self) -> Any:
        """Return implicit's own model with these settings."""
        return AlternatingLeastSquares(
            factors=self.factors, regularization=self.regularization, alpha=self.alpha,
            iterations=self.iterations, num_threads=1, random_state=self.seed,
        )  # fmt: skip

    def ranges(self, items: Views) -> Mapping[str, Any]:  # noqa: ARG002
        """Return where `polyrec tune` looks."""
        return {
            "factors": [32, 64, 128, 256],
            "regularization": {"low": 0.01, "high": 300, "log": True},
            "alpha": {"low": 1, "high": 50, "log": True},
        }


@dataclass
class ImplicitBPR(Factors):
    """Bayesian personalised ranking with a bias per item."""

    iterations: int = 100
    learning_rate: float = 0.05

    def peer(self) -> Any:
        """Return implicit's own model with these settings."""
        return BayesianPersonalizedRanking(
            factors=self.factors, learning_rate=self.learning_rate,
            regularization=self.regularization, iterations=self.iterations, num_threads=1,
            random_state=self.seed,
        )  # fmt: skip

    def ranges(self, items: Views) -> Mapping[str, Any]:  # noqa: ARG002
        """Return where `polyrec tune` looks."""
        return {
            "factors": [32, 64, 128],
            "regularization": {"low": 0.001, "high": 0.3, "log": True},
            "learning_rate": {"low": 0.01, "high": 0.2, "log": True},
            "iterations": [100, 200, 400],
        }
