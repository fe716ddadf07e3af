"""ALS and BPR of the package implicit (Frederickson; MIT) as recommenders."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from implicit.cpu.bpr import BayesianPersonalizedRanking
from scipy import sparse

from polyrec.contracts import learned, part
from polyrec.recommend.base import BaseRecommender
from polyrec.types import Floats, Interactions, Query, Views


@part
class ImplicitFactors(BaseRecommender):
    """score = u'v for the users of train; popularity for others."""

    factors: int = 64
    regularization: float = 0.01
    iterations: int = 15
    seed: int = 7

    users_: Floats = learned()
    items_: Floats = learned()

    def peer(self) -> Any:
        """Return implicit's own model with these settings."""
        raise NotImplementedError

    def _fit(self, train: Interactions, items: Views, valid: Interactions | None) -> None:  # noqa: ARG002
        model = self.peer()
        with warnings.catch_warnings():  # of BLAS threads, which are set to one
            warnings.simplefilter("ignore")
            model.fit(sparse.csr_matrix(train.positives()), show_progress=False)
        self.users_ = np.asarray(model.user_factors, np.float32)
        self.items_ = np.asarray(model.item_factors, np.float32)

    def _score(self, query: Query) -> Floats:
        scores: Floats = self.users_[query.users] @ self.items_.T
        scores[query.users < 0] = self.popularity_
        return scores


@part
class ImplicitALS(ImplicitFactors):
    """Weighted alternating least squares with conjugate gradients."""

    alpha: float = 1.0

    def peer(self) -> Any:
        """Return implicit's own model with these settings."""
        return AlternatingLeastSquares(
            factors=self.factors, regularization=self.regularization, alpha=self.alpha,
            iterations=self.iterations, num_threads=1, random_state=self.seed,
        )  # fmt: skip

    def ranges(self, items: Views) -> Mapping[str, Any]:  # noqa: ARG002
        """Return the ranges for `polyrec tune`."""
        return {
            "factors": [32, 64, 128, 256],
            "regularization": {"low": 0.01, "high": 300, "log": True},
            "alpha": {"low": 1, "high": 50, "log": True},
        }


@part
class ImplicitBPR(ImplicitFactors):
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
        """Return the ranges for `polyrec tune`."""
        return {
            "factors": [32, 64, 128],
            "regularization": {"low": 0.001, "high": 0.3, "log": True},
            "learning_rate": {"low": 0.01, "high": 0.2, "log": True},
            "iterations": [100, 200, 400],
        }
