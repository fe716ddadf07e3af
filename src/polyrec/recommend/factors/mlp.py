"""Neural matrix factorization: a product and a small network read users and items together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the custom of the field

from polyrec.compute.device import pick_device
from polyrec.recommend.base import popularity
from polyrec.recommend.early_stopping import ranking_watch
from polyrec.recommend.factors.fold_in import FoldedVectors
from polyrec.recommend.negative_sampling import PairBatch, Pairs
from polyrec.training.loop import Schedule, train
from polyrec.types import Floats, Interactions, Query, Views

_START = 0.1  # standard deviation of a vector's first numbers
_STEPS = 24  # of an epoch, at least: with fewer it stays long at what is popular, and gives up
_ASKED = 2000  # users of valid: to score one costs as much as many pairs to learn from
_HIDDEN = 2**22  # numbers of the hidden layer held at once while scoring


@dataclass
class MLP(FoldedVectors):
    """score = g'(p * q) + m'relu(V relu(W [s; t] + a) + c) + b, learned as like or not.

    NeuMF of He et al., "Neural collaborative filtering", WWW 2017, eq. 7, 10 and 12, with a bias b
    of each item: users have p and s, items q and t, `dim` numbers each; binary cross-entropy
    against `negatives` items not taken per item taken, drawn anew each epoch. How a history moves
    p and s: `FoldedVectors`. An item that nobody took has vectors of 0 and the least b. A question
    costs n dim^2 / 2 multiply-adds, where the other models of vectors cost n dim.

    >>> MLP(dim=16).negatives
    4
    """

    stops_on_valid: ClassVar[bool] = True

    dim: int = 32
    epochs: int = 100
    rate: float = 5e-3
    batch: int = 2048  # pairs of a step, at most
    weight_decay: float = 1.0
    negatives: int = 4
    device: str = "auto"
    seed: int = 7

    weights_: dict[str, Floats] = field(init=False, repr=False, compare=False)  # of `Joint`
    measured_: list[float] = field(init=False, repr=False, compare=False)  # Recall@20 on valid
    _joint: Any = field(init=False, repr=False, compare=False, default=None)

    def fit(self, train: Interactions, items: Views, *, valid: Interactions | None = None) -> Self:  # noqa: ARG002 - content is not read
        """Learn; forget the past."""
        self.popularity_ = popularity(train)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = Network(train.shape, self.dim).to(pick_device(self.device))
            self.measured_ = self._teach(network, train, valid)
        network = network.cpu()
        self.weights_ = {k: v.numpy().copy() for k, v in network.joint.state_dict().items()}
        self._joint = None
        users, vectors, biases = (
            part.detach().numpy().copy() for part in (network.people, network.own, network.bias)
        )
        cold = self.popularity_ == 0
        vectors[cold] = 0
        biases[cold] = biases.min()
        self.vectors_, self.biases_ = vectors, biases
        self._settle(users, train)
        return self

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

    def score(self, query: Query) -> Floats:
        """Return (b, n) scores; without history, what is popular."""
        users, vectors, biases = map(
            torch.from_numpy, (self.users(query), self.vectors_, self.biases_)
        )
        with torch.inference_mode():
            scores: Floats = self.joint.table(users, vectors, biases).numpy()
        scores[np.diff(query.starts) == 0] = self.popularity_
        return scores

    @property
    def joint(self) -> Joint:
        """Return what reads users and items together, on the CPU."""
        if self._joint is None:
            joint = Joint(self.dim)
            joint.load_state_dict({k: torch.from_numpy(v) for k, v in self.weights_.items()})
            self._joint = joint.eval()
        found: Joint = self._joint
        return found

    def _teach(
        self, network: Network, events: Interactions, valid: Interactions | None
    ) -> list[float]:
        pairs = Pairs(events)
        size = min(self.batch, max(1, len(pairs) // _STEPS))

        def batches(order: np.random.Generator) -> Iterator[PairBatch]:
            return pairs.batches(order, size=size, negatives=self.negatives)

        schedule = Schedule(self.epochs, self.rate, self.weight_decay, patience=5)
        return train(
            network, batches, network.loss, seed=self.seed, schedule=schedule, name="mlp",
            valid=ranking_watch(network.score, events, valid, every=2, most=_ASKED),
        )  # fmt: skip


class Joint(nn.Module):
    """What users and items make of each other: a weighed product and a network of two layers."""

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

    def table(self, users: Any, items: Any, biases: Any) -> Any:
        """Return (b, n) scores of all pairs of (b, 2 dim) and (n, 2 dim), plus biases (n,)."""
        (p, s), (q, t) = users.chunk(2, dim=-1), items.chunk(2, dim=-1)
        scores = (p * self.product) @ q.T + biases
        read_user, read_item = self.of_user(s), self.of_item(t)
        step = max(1, _HIDDEN // max(1, read_item.numel()))
        for start in range(0, len(users), step):
            part = read_user[start : start + step, None]  # (s, 1, dim)
            scores[start : start + step] += self._deep(part, read_item)
        return scores

    def _deep(self, of_user: Any, of_item: Any) -> Any:
        return self.join(F.relu(self.second(F.relu(of_user + of_item))))[..., 0]


class Network(nn.Module):
    """The vectors of users and items, and what reads them."""

    def __init__(self, shape: tuple[int, int], dim: int) -> None:
        super().__init__()
        users, items = shape
        self.people = nn.Parameter(_START * torch.randn(users, 2 * dim))
        self.own = nn.Parameter(_START * torch.randn(items, 2 * dim))
        self.bias = nn.Parameter(torch.zeros(items))
        self.joint = Joint(dim)

    def loss(self, batch: PairBatch) -> Any:
        """Return the mean binary cross-entropy of like and not."""
        device = self.people.device
        who, taken, others = (torch.from_numpy(part).to(device) for part in batch)
        asked = torch.cat([taken[:, None], others], dim=1)  # (b, 1 + negatives)
        scores = self.joint(self.people[who][:, None], self.own[asked]) + self.bias[asked]
        right = torch.zeros_like(scores)
        right[:, 0] = 1
        return F.binary_cross_entropy_with_logits(scores, right)

    def score(self, query: Query) -> Floats:
        """Return (b, n) scores of trained users, as the network stands."""
        users = self.people[torch.from_numpy(query.users).to(self.people.device)]
        scores: Floats = self.joint.table(users, self.own, self.bias).cpu().numpy()
        return scores
