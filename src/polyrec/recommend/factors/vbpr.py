"""BPR with a trained projection of the items' content beside their own vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch

from polyrec.compute.device import pick_device
from polyrec.contracts import learned, part
from polyrec.recommend.base import count_items
from polyrec.recommend.content_features import content_means, content_rows
from polyrec.recommend.dot_product import mean_norm, to_norm
from polyrec.recommend.early_stopping import EarlyStoppedRecommender
from polyrec.recommend.factors.fold_in import FoldInVectors
from polyrec.recommend.factors.pairwise import Factors, to_arrays, train_pairwise
from polyrec.training.loop import Schedule
from polyrec.types import Floats, Interactions, Views

_LENGTH = 0.1  # of the items' rows: at 1, a step of E moves a score as far as ten steps of q


@part
class VBPR(FoldInVectors, EarlyStoppedRecommender):
    """score = p'q + b + t'E x + c'x: an item's content x, frozen, is projected by E.

    He & McAuley, "VBPR: Visual Bayesian personalized ranking from implicit feedback", AAAI 2016,
    eq. 4-5, learned as in `BPR`; x is the fused view, or all views side by side. While it learns,
    an item's own q and b are hidden with probability `hide`, so that content learns to stand in
    (DropoutNet, Volkovs et al., NIPS 2017); 0 is the article's model. An item that nobody took has
    q = 0, the mean b, and its content at the mean length of the others' vectors. Without any view
    it is `BPR`.

    >>> VBPR().axes
    64
    """

    dim: int = 64
    axes: int = 64  # of the projected content
    epochs: int = 200
    rate: float = 5e-3
    batch: int = 2048
    weight_decay: float = 1.0
    negatives: int = 4
    hide: float = 0.0
    device: str = "auto"
    seed: int = 7

    is_random: ClassVar[bool] = True
    small: ClassVar[Mapping[str, Any]] = {"dim": 16, "epochs": 40, "rate": 2e-2}

    means_: dict[str, Floats] = learned()  # of the views read
    projection_: Floats = learned()  # E and c (sum of d, axes + 1)
    mean_bias_: float = learned()

    def add_items(self, views: Views) -> Self:
        """Return a model that knows these further items too, numbered from n on."""
        count = count_items(views)
        vectors, biases = self._cold(self._rows(views, count))
        grown = self._grown(count)
        grown.vectors_ = np.concatenate([self.vectors_, vectors])
        grown.biases_ = np.concatenate([self.biases_, biases])
        return grown

    def search_space(self, items: Views) -> Sequence[Mapping[str, Sequence[Any]]]:
        """Return the settings worth trying on valid, stage by stage."""
        return [
            {"weight_decay": (0.3, 1.0, 2.0)},
            {"negatives": (1, 4)},
            {"hide": (0.0, 0.3)} if items else {},
        ]

    def ranges(self, items: Views) -> Mapping[str, Any]:
        """Return where `polyrec tune` looks."""
        ranges = {
            "weight_decay": {"low": 0.05, "high": 5, "log": True},
            "rate": {"low": 0.001, "high": 0.02, "log": True},
            "negatives": [1, 2, 4, 8],
        }
        return ranges | {"hide": {"low": 0, "high": 0.6}} if items else ranges

    def _fit(self, train: Interactions, items: Views, valid: Interactions | None) -> None:
        self.means_ = content_means(items)
        rows = self._rows(items, train.shape[1])
        schedule = Schedule(self.epochs, self.rate, self.weight_decay, patience=10)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = Factors(
                train.shape, self.dim, torch.from_numpy(rows), axes=self.axes, hide=self.hide
            ).to(pick_device(self.device))
            self.curve_ = train_pairwise(
                network, (train, valid), schedule,
                batch=self.batch, negatives=self.negatives, seed=self.seed,
            )  # fmt: skip
        users, self.vectors_, self.biases_ = to_arrays(network)
        projection = torch.cat([network.projection, network.content_bias[:, None]], dim=1)
        self.projection_ = projection.detach().cpu().numpy()
        cold = self.popularity_ == 0
        own = network.own_bias.detach().cpu().numpy()
        self.mean_bias_ = float(own[~cold].mean()) if (~cold).any() else 0.0
        self.vectors_[cold], self.biases_[cold] = self._cold(rows[cold])
        self._split_users(users, train)

    def _rows(self, views: Views, count: int) -> Floats:
        return np.float32(_LENGTH) * content_rows(views, self.means_, count)

    def _cold(self, rows: Floats) -> tuple[Floats, Floats]:
        """Return vectors and biases of items that nobody took, from their content alone."""
        projected = rows @ self.projection_
        own = np.zeros((len(rows), self.dim), np.float32)
        vectors = np.concatenate([own, projected[:, :-1]], axis=1)
        length = mean_norm(self.vectors_[self.popularity_ > 0])
        return to_norm(vectors, length), self.mean_bias_ + projected[:, -1]
