"""A linear autoencoder of low rank, for catalogues whose item-item matrix is too large."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the custom of the field

from polyrec.compute.device import pick_device
from polyrec.contracts import part
from polyrec.recommend.dot_product import DotProduct
from polyrec.recommend.early_stopping import EarlyStoppedRecommender, ranking_watch
from polyrec.training.early_stop import EarlyStop
from polyrec.training.loop import Schedule, train
from polyrec.training.propagation import Propagation
from polyrec.types import Csr, Floats, Interactions, Query, Views


@part
class ELSA(DotProduct, EarlyStoppedRecommender):
    """score = r(AA' - I), r the history, the rows of A (n, dim) at length 1: its diagonal is 0.

    Vančura et al., "Scalable linear shallow autoencoder for collaborative filtering", RecSys 2022,
    eq. 5-7: the loss is the squared distance of r / |r| from its reconstruction x at length 1,
    2 - 2 cos(r, x). The article forms x, (b, n). It is not needed: with z = rA and the (dim, dim)
    Gram matrix A'A,

        r'x = |z|^2 - |r|^2,    |x|^2 = z'(A'A)z - 2|z|^2 + |r|^2

    so a step costs what the batch's events and one product of A with itself cost, whatever the
    number of users in it, and no more memory than A, its gradient and two moments. An item that
    nobody took has a row of 0 and scores 0.

    >>> ELSA(dim=256).dim
    256
    """

    dim: int = 256
    epochs: int = 60
    rate: float = 0.1
    batch: int = 1024
    device: str = "auto"
    seed: int = 7

    is_random: ClassVar[bool] = True
    small: ClassVar[Mapping[str, Any]] = {"dim": 16}

    def users(self, query: Query) -> Floats:
        """Return (b, dim) z, the sums of the histories' rows."""
        return np.asarray(query.matrix(len(self.vectors_)) @ self.vectors_, np.float32)

    def search_space(self, items: Views) -> Sequence[Mapping[str, Sequence[Any]]]:  # noqa: ARG002
        """Return the settings worth trying on valid, stage by stage."""
        return [{"dim": (128, 256, 512)}, {"rate": (0.03, 0.1)}, {"batch": (256, 1024)}]

    def ranges(self, items: Views) -> Mapping[str, Any]:  # noqa: ARG002
        """Return where `polyrec tune` looks."""
        return {
            "dim": [64, 128, 256, 512],
            "rate": {"low": 0.01, "high": 0.3, "log": True},
            "batch": [128, 256, 512, 1024],
        }

    def _fit(self, train: Interactions, _items: Views, valid: Interactions | None) -> None:
        liked = train.positives()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = LowRankAutoencoder(torch.from_numpy(self.popularity_ > 0), self.dim)
            network.to(pick_device(self.device))

            def score(query: Query) -> Floats:
                return _scores(query.matrix(train.shape[1]), network.rows())

            self.curve_ = self._train(network, liked, ranking_watch(score, train, valid))
        self.vectors_ = network.rows()

    def _score(self, query: Query) -> Floats:
        return _scores(query.matrix(len(self.vectors_)), self.vectors_)

    def _train(
        self, network: LowRankAutoencoder, liked: Csr, watch: EarlyStop | None
    ) -> list[float]:
        # a user with one event has none left to predict it from
        users = np.flatnonzero(np.diff(liked.indptr) > 1)

        def batches(order: np.random.Generator) -> Iterator[Csr]:
            shuffled = order.permutation(users)
            return (liked[shuffled[i : i + self.batch]] for i in range(0, len(users), self.batch))

        schedule = Schedule(self.epochs, self.rate, weight_decay=0.0, patience=10)
        return train(
            network, batches, network.loss, valid=watch, schedule=schedule, seed=self.seed,
            name="elsa",
        )  # fmt: skip


class LowRankAutoencoder(nn.Module):
    """The table whose rows at length 1 are A; rows that begin at 0 stay there."""

    def __init__(self, known: Any, dim: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(len(known), dim) * known[:, None])

    def loss(self, histories: Csr) -> Any:
        """Return the mean of 2 - 2 cos(r, x) over the rows r, each with two events or more."""
        rows = F.normalize(self.table, dim=1)
        summed = Propagation.of(histories, self.table.device)(rows)  # (b, dim) z
        total = (summed**2).sum(dim=1)  # |z|^2
        squares = np.add.reduceat(histories.data**2, histories.indptr[:-1])
        own = torch.from_numpy(squares).to(rows.device)  # |r|^2
        square = ((summed @ (rows.T @ rows)) * summed).sum(dim=1) - 2 * total + own  # |x|^2
        cosine = (total - own) / (own * square.clamp(min=1e-6)).sqrt()
        return (2 - 2 * cosine).mean()

    def rows(self) -> Floats:
        """Return A (n, dim)."""
        with torch.no_grad():
            rows: Floats = F.normalize(self.table, dim=1).cpu().numpy()
        return rows


def _scores(history: Csr, rows: Floats) -> Floats:
    """Return (b, n) r(AA' - I)."""
    scores = np.asarray((history @ rows) @ rows.T, np.float32)
    owners = np.repeat(np.arange(history.shape[0]), np.diff(history.indptr))
    own = rows[history.indices].any(axis=1)  # an item of row 0 has no diagonal to take off
    scores[owners, history.indices] -= history.data * own
    return scores
