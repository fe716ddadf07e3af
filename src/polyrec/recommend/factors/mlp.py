"""Neural matrix factorization: a product and a small network over users and items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the custom of the field

from polyrec.compute.device import pick_device
from polyrec.contracts import cached, learned, part
from polyrec.recommend.early_stopping import EarlyStoppedRecommender, ranking_watch
from polyrec.recommend.factors.fold_in import FoldInVectors
from polyrec.recommend.negative_sampling import PairBatch, Pairs
from polyrec.training.loop import Schedule, train
from polyrec.types import Floats, Interactions, Query, Views

_START = 0.1  # standard deviation of a vector's first numbers
_STEPS = 24  # of an epoch, at least: with fewer it stays at popularity and stops early
_VALID_USERS = 2000  # scoring one costs as much as training on many pairs
_HIDDEN = 2**22  # numbers of the hidden layer held at once while scoring


@part
class MLP(FoldInVectors, EarlyStoppedRecommender):
    """score = g'(p * q) + m'relu(V relu(W [s; t] + a) + c) + b, learned as like or not.

    NeuMF of He et al., "Neural collaborative filtering", WWW 2017, eq. 7, 10 and 12, with a bias b
    of each item: users have p and s, items q and t, `dim` numbers each; binary cross-entropy
    against `negatives` items not taken per item taken, drawn anew each epoch. How a history moves
    p and s: `FoldInVectors`. An item that nobody took has vectors of 0 and the least b. A question
    costs n dim^2 / 2 multiply-adds, where the other models of vectors cost n dim.

    >>> MLP(dim=16).negatives
    4
    """

    dim: int = 32
    epochs: int = 100
    rate: float = 5e-3
    batch: int = 2048  # pairs of a step, at most
    weight_decay: float = 1.0
    negatives: int = 4
    device: str = "auto"
    seed: int = 7

    is_random: ClassVar[bool] = True
    small: ClassVar[Mapping[str, Any]] = {"dim": 16, "epochs": 8, "rate": 2e-2}

    weights_: dict[str, Floats] = learned()  # of `NeuMFHead`
    _head: NeuMFHead | None = cached()

    def search_space(self, items: Views) -> Sequence[Mapping[str, Sequence[Any]]]:  # noqa: ARG002
        """Return the settings worth trying on valid, stage by stage."""
        return [{"weight_decay": (0.3, 1.0, 2.0)}, {"dim": (16, 32, 64)}]

    def ranges(self, items: Views) -> Mapping[str, Any]:  # noqa: ARG002
        """Return where `polyrec tune` looks."""
        return {
            "dim": [16, 32, 64],
            "weight_decay": {"low": 0.05, "high": 5, "log": True},
            "rate": {"low": 0.001, "high": 0.02, "log": True},
            "negatives": [1, 2, 4, 8],
        }

    def _fit(self, train: Interactions, _items: Views, valid: Interactions | None) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = NeuMF(train.shape, self.dim).to(pick_device(self.device))
            self.curve_ = self._train(network, train, valid)
        network = network.cpu()
        self.weights_ = {k: v.numpy().copy() for k, v in network.head.state_dict().items()}
        self._head = None
        users, vectors, biases = (
            table.detach().numpy().copy() for table in (network.users, network.items, network.bias)
        )
        cold = self.popularity_ == 0
        vectors[cold] = 0
        biases[cold] = biases.min()
        self.vectors_, self.biases_ = vectors, biases
        self._split_users(users, train)

    def _score(self, query: Query) -> Floats:
        users, vectors, biases = map(
            torch.from_numpy, (self.users(query), self.vectors_, self.biases_)
        )
        with torch.inference_mode():
            scores: Floats = self._loaded_head().all_pairs(users, vectors, biases).numpy()
        return scores

    def _loaded_head(self) -> NeuMFHead:
        if self._head is None:
            head = NeuMFHead(self.dim)
            head.load_state_dict({k: torch.from_numpy(v) for k, v in self.weights_.items()})
            self._head = head.eval()
        return self._head

    def _train(
        self, network: NeuMF, events: Interactions, valid: Interactions | None
    ) -> list[float]:
        pairs = Pairs(events)
        size = min(self.batch, max(1, len(pairs) // _STEPS))

        def batches(order: np.random.Generator) -> Iterator[PairBatch]:
            return pairs.batches(order, size=size, negatives=self.negatives)

        schedule = Schedule(self.epochs, self.rate, self.weight_decay, patience=5)
        return train(
            network, batches, network.loss, seed=self.seed, schedule=schedule, name="mlp",
            valid=ranking_watch(network.score, events, valid, every=2, most=_VALID_USERS),
        )  # fmt: skip


class NeuMFHead(nn.Module):
    """The score of a pair: a weighted product and a network of two layers."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        half = max(1, dim // 2)
        self.product = nn.Parameter(torch.ones(dim))  # g: at first a plain product
        self.of_user = nn.Linear(dim, dim)
        self.of_item = nn.Linear(dim, dim, bias=False)
        self.second = nn.Linear(dim, half)
        self.join = nn.Linear(half, 1, bias=False)

    def forward(self, users: Any, items: Any) -> Any:
        """Return (...) scores of pairs (..., 2 dim)."""
        (p, s), (q, t) = users.chunk(2, dim=-1), items.chunk(2, dim=-1)
        return (p * self.product * q).sum(dim=-1) + self._deep(self.of_user(s), self.of_item(t))

    def all_pairs(self, users: Any, items: Any, biases: Any) -> Any:
        """Return (b, n) scores of all pairs of (b, 2 dim) and (n, 2 dim), plus biases (n,)."""
        (p, s), (q, t) = users.chunk(2, dim=-1), items.chunk(2, dim=-1)
        scores = (p * self.product) @ q.T + biases
        hidden_user, hidden_item = self.of_user(s), self.of_item(t)
        step = max(1, _HIDDEN // max(1, hidden_item.numel()))
        for start in range(0, len(users), step):
            rows = hidden_user[start : start + step, None]  # (s, 1, dim)
            scores[start : start + step] += self._deep(rows, hidden_item)
        return scores

    def _deep(self, of_user: Any, of_item: Any) -> Any:
        return self.join(F.relu(self.second(F.relu(of_user + of_item))))[..., 0]


class NeuMF(nn.Module):
    """The vectors of users and items, and the head that scores them."""

    def __init__(self, shape: tuple[int, int], dim: int) -> None:
        super().__init__()
        users, items = shape
        self.users = nn.Parameter(_START * torch.randn(users, 2 * dim))
        self.items = nn.Parameter(_START * torch.randn(items, 2 * dim))
        self.bias = nn.Parameter(torch.zeros(items))
        self.head = NeuMFHead(dim)

    def loss(self, batch: PairBatch) -> Any:
        """Return the mean binary cross-entropy of like and not."""
        device = self.users.device
        who, taken, others = (torch.from_numpy(part).to(device) for part in batch)
        candidates = torch.cat([taken[:, None], others], dim=1)  # (b, 1 + negatives)
        users, items = self.users[who][:, None], self.items[candidates]
        scores = self.head(users, items) + self.bias[candidates]
        labels = torch.zeros_like(scores)
        labels[:, 0] = 1
        return F.binary_cross_entropy_with_logits(scores, labels)

    def score(self, query: Query) -> Floats:
        """Return (b, n) scores of trained users, as the network stands."""
        users = self.users[torch.from_numpy(query.users).to(self.users.device)]
        scores: Floats = self.head.all_pairs(users, self.items, self.bias).cpu().numpy()
        return scores
