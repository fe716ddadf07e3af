"""Bayesian personalised ranking: items taken rank above items not taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch

from polyrec.compute.device import pick_device
from polyrec.contracts import part
from polyrec.recommend.early_stopping import EarlyStoppedRecommender
from polyrec.recommend.factors.fold_in import FoldInVectors
from polyrec.recommend.factors.pairwise import Factors, to_arrays, train_pairwise
from polyrec.training.loop import Schedule
from polyrec.types import Interactions, Views


@part
class BPR(FoldInVectors, EarlyStoppedRecommender):
    """score = p'q + b, learned from -log sigmoid(score taken - score not taken).

    Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback", UAI 2009, with
    `negatives` items not taken beside each one taken, and the mean over them. AdamW's decoupled
    weight decay stands for the prior. How a history moves p: `FoldInVectors`. An item that nobody
    took has q = 0 and the least b.

    >>> BPR(dim=32).negatives
    4
    """

    dim: int = 64
    epochs: int = 200
    rate: float = 5e-3
    batch: int = 2048
    weight_decay: float = 1.0
    negatives: int = 4
    device: str = "auto"
    seed: int = 7

    is_random: ClassVar[bool] = True
    small: ClassVar[Mapping[str, Any]] = {"dim": 16, "epochs": 40, "rate": 2e-2}

    def search_space(self, items: Views) -> Sequence[Mapping[str, Sequence[Any]]]:  # noqa: ARG002
        """Return the settings worth trying on valid, stage by stage."""
        return [{"weight_decay": (0.3, 1.0, 2.0)}, {"negatives": (1, 4)}]

    def ranges(self, items: Views) -> Mapping[str, Any]:  # noqa: ARG002
        """Return where `polyrec tune` looks."""
        return {
            "weight_decay": {"low": 0.05, "high": 5, "log": True},
            "rate": {"low": 0.001, "high": 0.02, "log": True},
            "negatives": [1, 2, 4, 8],
        }

    def _fit(self, train: Interactions, _items: Views, valid: Interactions | None) -> None:
        schedule = Schedule(self.epochs, self.rate, self.weight_decay, patience=10)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = Factors(train.shape, self.dim, torch.zeros(train.shape[1], 0))
            self.curve_ = train_pairwise(
                network.to(pick_device(self.device)), (train, valid), schedule,
                batch=self.batch, negatives=self.negatives, seed=self.seed,
            )  # fmt: skip
        users, self.vectors_, self.biases_ = to_arrays(network)
        cold = self.popularity_ == 0
        self.vectors_[cold] = 0
        self.biases_[cold] = self.biases_.min()
        self._split_users(users, train)
