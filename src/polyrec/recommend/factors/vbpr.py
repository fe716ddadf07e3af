"""BPR that sees: a trained map of the items' content beside their own vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch

from polyrec.compute.device import pick_device
from polyrec.recommend.base import popularity
from polyrec.recommend.content_features import content_means, content_rows
from polyrec.recommend.dot_product import mean_norm, to_norm
from polyrec.recommend.factors.fold_in import FoldedVectors
from polyrec.recommend.factors.pairwise import Factors, arrays, teach
from polyrec.training.loop import Schedule
from polyrec.types import Floats, Interactions, Views

_LENGTH = 0.1  # of the items' rows: at 1, a step of E moves what they say ten steps of q far


@dataclass
class VBPR(FoldedVectors):
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

    stops_on_valid: ClassVar[bool] = True

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

    means_: dict[str, Floats] = field(init=False, repr=False, compare=False)  # of the views read
    read_: Floats = field(init=False, repr=False, compare=False)  # E and c (sum of d, axes + 1)
    typical_: float = field(init=False, repr=False, compare=False)  # the mean b
    measured_: list[float] = field(init=False, repr=False, compare=False)  # Recall@20 on valid

    def fit(self, train: Interactions, items: Views, *, valid: Interactions | None = None) -> Self:
        """Learn; forget the past."""
        self.popularity_ = popularity(train)
        self.means_ = content_means(items)
        rows = self._rows(items, train.shape[1])
        schedule = Schedule(self.epochs, self.rate, self.weight_decay, patience=10)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = Factors(
                train.shape, self.dim, torch.from_numpy(rows), axes=self.axes, hide=self.hide
            ).to(pick_device(self.device))
            self.measured_ = teach(
                network, (train, valid), schedule,
                batch=self.batch, negatives=self.negatives, seed=self.seed,
            )  # fmt: skip
        users, self.vectors_, self.biases_ = arrays(network)
        told = (network.read, network.appeal[:, None])
        self.read_ = torch.cat(told, dim=1).detach().cpu().numpy()
        cold = self.popularity_ == 0
        own = network.own_bias.detach().cpu().numpy()
        self.typical_ = float(own[~cold].mean()) if (~cold).any() else 0.0
        self.vectors_[cold], self.biases_[cold] = self._unseen(rows[cold])
        self._settle(users, train)
        return self

    def add_items(self, views: Views) -> Self:
        """Return a model that knows these further items too, numbered from n on."""
        count = len(next(iter(views.values()))) if views else 0
        vectors, biases = self._unseen(self._rows(views, count))
        grown = replace(self)
        for name in ("means_", "read_", "typical_", "measured_", "own_", "map_", "length_"):
            setattr(grown, name, getattr(self, name))
        grown.vectors_ = np.concatenate([self.vectors_, vectors])
        grown.biases_ = np.concatenate([self.biases_, biases])
        grown.popularity_ = np.concatenate([self.popularity_, np.zeros(count, np.float32)])
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
        told = {
            "weight_decay": {"low": 0.05, "high": 5, "log": True},
            "rate": {"low": 0.001, "high": 0.02, "log": True},
            "negatives": [1, 2, 4, 8],
        }
        return told | {"hide": {"low": 0, "high": 0.6}} if items else told

    def _rows(self, views: Views, count: int) -> Floats:
        return np.float32(_LENGTH) * content_rows(views, self.means_, count)

    def _unseen(self, rows: Floats) -> tuple[Floats, Floats]:
        """Return vectors and biases of items that nobody took, from their content alone."""
        told = rows @ self.read_
        own = np.zeros((len(rows), self.dim), np.float32)
        vectors = np.concatenate([own, told[:, :-1]], axis=1)
        length = mean_norm(self.vectors_[self.popularity_ > 0])
        return to_norm(vectors, length), self.typical_ + told[:, -1]
