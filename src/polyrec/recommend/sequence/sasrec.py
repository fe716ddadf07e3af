"""Next item prediction: a causal transformer over the history, trained against all items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch

from polyrec.compute.device import pick_device
from polyrec.contracts import cached, learned, part
from polyrec.errors import FitError
from polyrec.recommend.base import count_items
from polyrec.recommend.content_features import content_means, content_rows
from polyrec.recommend.dot_product import DotProduct, mean_norm, to_norm
from polyrec.recommend.early_stopping import EarlyStoppedRecommender, ranking_watch
from polyrec.recommend.sequence.transformer import (
    SequenceTransformer,
    latest_items,
    liked_only,
    next_item_loss,
    training_batches,
)
from polyrec.training.loop import Schedule, train
from polyrec.types import Floats, Interactions, Query, Views


@part
class SASRec(DotProduct, EarlyStoppedRecommender):
    """score = f(history)'v: f a causal transformer that reads the items' vectors v in their order.

    Kang & McAuley, "Self-attentive sequential recommendation", ICDM 2018, with the cross-entropy
    over all items at every position (Klenitskiy & Vasilev, "Turning dross into gold loss", RecSys
    2023) in the place of one drawn negative; of more items than `candidates`, so many are drawn for
    each batch. With views, v = e + W x, x the items' content rows (an adapter as in UniSRec, Hou et
    al., KDD 2022, of one linear map); in training, e is masked with probability `hide`, so that
    content suffices without it. An item that nobody took has e = 0: its content alone, at the mean
    length of the others.

    The first position reads a start token: the first event of a history is predicted, too. Where no
    event has a time, each epoch draws an order anew. Only likes are read. Cost: a batch holds
    (events, `candidates`) scores; histories of similar length share a batch.

    >>> SASRec(layers=1).heads
    2
    """

    dim: int = 64
    layers: int = 1
    heads: int = 2
    history: int = 100  # latest events that are read
    repeats: bool = False  # train on items that were taken again, and stop with nothing hidden
    dropout: float = 0.3
    hide: float = 0.1
    epochs: int = 30
    rate: float = 5e-3
    batch: int = 64  # histories
    candidates: int = 2048  # items that a batch's targets are compared with
    weight_decay: float = 0.1
    device: str = "auto"
    seed: int = 7

    is_random: ClassVar[bool] = True
    small: ClassVar[Mapping[str, Any]] = {"dim": 16, "layers": 1, "epochs": 25, "rate": 1e-2}

    weights_: dict[str, Floats] = learned()
    means_: dict[str, Floats] = learned()  # of the views read
    _network: SequenceTransformer | None = cached()

    def add_items(self, views: Views) -> Self:
        """Return a model that knows these further items too, numbered from n on."""
        count = count_items(views)
        rows = content_rows(views, self.means_, count)
        grown = self._grown(count)
        fresh = to_norm(self._adapted(rows), mean_norm(self.vectors_[self.popularity_ > 0]))
        grown.vectors_ = np.concatenate([self.vectors_, fresh])
        return grown

    def search_space(self, items: Views) -> Sequence[Mapping[str, Sequence[Any]]]:
        """Return the settings worth trying on valid, stage by stage."""
        return [
            {"dropout": (0.1, 0.3, 0.5)},
            {"rate": (0.002, 0.005), "layers": (1, 2)},
            {"weight_decay": (0.1, 1.0)},
            {"hide": (0.1, 0.4)} if items else {},
        ]

    def ranges(self, items: Views) -> Mapping[str, Any]:
        """Return where `polyrec tune` looks."""
        ranges = {
            "dim": [32, 64, 128],
            "layers": [1, 2, 3],
            "dropout": {"low": 0, "high": 0.7},
            "rate": {"low": 0.0005, "high": 0.01, "log": True},
            "weight_decay": {"low": 0.01, "high": 3, "log": True},
        }
        return ranges | {"hide": {"low": 0, "high": 0.6}} if items else ranges

    def users(self, query: Query) -> Floats:
        """Return (b, dim) the transformer's last state over the liked part of each history."""
        with torch.inference_mode():
            return self._last_states(self._loaded(), torch.from_numpy(self.vectors_), query)

    def _fit(self, train: Interactions, items: Views, valid: Interactions | None) -> None:
        if self.dim % self.heads:
            raise FitError("heads must divide dim", received=(self.dim, self.heads),
                           remedy="give dim 64 and heads 2, say")  # fmt: skip
        if self.candidates < 1:
            raise FitError("candidates must be over 0", received=self.candidates,
                           remedy="give candidates 2048, say")  # fmt: skip
        self.means_ = content_means(items)
        rows = content_rows(items, self.means_, train.shape[1])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = self._build(train.shape[1], rows.shape[1]).to(pick_device(self.device))
            self.curve_ = self._train(network, torch.from_numpy(rows), train, valid)
        network = network.cpu()
        self.weights_ = {k: v.numpy().copy() for k, v in network.state_dict().items()}
        self._network = None
        self.vectors_ = self._item_vectors(rows)

    def _loaded(self) -> SequenceTransformer:
        """Return the trained transformer, on the CPU."""
        if self._network is None:
            count, _ = self.weights_["own"].shape
            network = self._build(count, self.weights_["adapter"].shape[0])
            network.load_state_dict({k: torch.from_numpy(v) for k, v in self.weights_.items()})
            self._network = network.eval()
        return self._network

    def _build(self, count: int, width: int) -> SequenceTransformer:
        return SequenceTransformer(
            (count, width), self.dim, layers=self.layers, heads=self.heads,
            longest=self.history, dropout=self.dropout,
        )  # fmt: skip

    def _last_states(self, network: SequenceTransformer, vectors: Any, query: Query) -> Floats:
        rows, lengths = latest_items(liked_only(query), self.history)
        device = vectors.device
        states = network(vectors, torch.from_numpy(rows).to(device))
        last: Floats = states[torch.arange(len(rows)), torch.from_numpy(lengths)].cpu().numpy()
        return last

    def _train(
        self,
        network: SequenceTransformer,
        content: Any,
        events: Interactions,
        valid: Interactions | None,
    ) -> list[float]:
        device = next(network.parameters()).device
        content = content.to(device)
        known = torch.from_numpy(self.popularity_ > 0).to(device)
        batches = training_batches(
            events, repeats=self.repeats, longest=self.history, size=self.batch
        )

        def loss(batch: Query) -> Any:
            kept = known & (torch.rand(len(known)) >= self.hide).to(device)
            vectors = network.items(content, kept if content.shape[1] else known)
            rows = latest_items(batch, self.history)
            return next_item_loss(network, vectors, known, rows, self.candidates)

        def score(query: Query) -> Floats:
            vectors = network.items(content, known)
            users = torch.from_numpy(self._last_states(network, vectors, query)).to(device)
            scores: Floats = (users @ vectors.T).cpu().numpy()
            return scores

        schedule = Schedule(self.epochs, self.rate, self.weight_decay, patience=5)
        return train(
            network, batches, loss,
            valid=ranking_watch(score, events, valid, every=2, repeats=self.repeats),
            schedule=schedule, seed=self.seed, name="sasrec",
        )  # fmt: skip

    def _item_vectors(self, rows: Floats) -> Floats:
        """Return (n, dim) the vectors of the items at fit."""
        known = self.popularity_ > 0
        vectors = self.weights_["own"] * known[:, None] + self._adapted(rows)
        vectors[~known] = to_norm(vectors[~known], mean_norm(vectors[known]))
        return np.asarray(vectors, np.float32)

    def _adapted(self, rows: Floats) -> Floats:
        """Return (n, dim) what the adapter makes of content."""
        return np.asarray(rows @ self.weights_["adapter"], np.float32)
