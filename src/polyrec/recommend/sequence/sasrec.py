"""What comes next: a causal transformer over the history, learned against all items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch

from polyrec.compute.device import pick_device
from polyrec.errors import FitError
from polyrec.recommend.base import popularity
from polyrec.recommend.content_features import content_means, content_rows
from polyrec.recommend.dot_product import Vectors, mean_norm, to_norm
from polyrec.recommend.early_stopping import ranking_watch
from polyrec.recommend.sequence.transformer import (
    Reader,
    alike,
    latest,
    likes,
    next_item_loss,
    pick,
    shuffled,
)
from polyrec.training.loop import Schedule, train
from polyrec.types import NO_TIME, Floats, Interactions, Query, Views


@dataclass
class SASRec(Vectors):
    """score = f(history)'v: f a causal transformer that reads the items' vectors v in their order.

    Kang & McAuley, "Self-attentive sequential recommendation", ICDM 2018, with the cross-entropy
    over all items at every place (Klenitskiy & Vasilev, "Turning dross into gold loss", RecSys
    2023) in the place of one drawn negative; of more items than `candidates`, so many are drawn for
    each batch. With views, v = e + W x, x the items' content rows (an adapter as in UniSRec, Hou et
    al., KDD 2022, of one linear map); while it learns, e is hidden with probability `hide`, so that
    content learns to stand in. An item that nobody took has e = 0: its content alone, at the mean
    length of the others.

    The first place reads a start token: the first event of a history is predicted, too. Where no
    event has a time, order says nothing, and each epoch draws it anew. Only likes are read. Cost:
    a batch holds (events, `candidates`) scores; histories of about one length share a batch.

    >>> SASRec(layers=1).heads
    2
    """

    stops_on_valid: ClassVar[bool] = True

    dim: int = 64
    layers: int = 1
    heads: int = 2
    history: int = 100  # latest events that are read
    dropout: float = 0.3
    hide: float = 0.1
    epochs: int = 30
    rate: float = 5e-3
    batch: int = 64  # histories
    candidates: int = 2048  # items that a batch's next ones are told from
    weight_decay: float = 0.1
    device: str = "auto"
    seed: int = 7

    weights_: dict[str, Floats] = field(init=False, repr=False, compare=False)
    means_: dict[str, Floats] = field(init=False, repr=False, compare=False)  # of the views read
    measured_: list[float] = field(init=False, repr=False, compare=False)  # Recall@20 on valid
    _reader: Reader | None = field(init=False, repr=False, compare=False, default=None)

    def fit(self, train: Interactions, items: Views, *, valid: Interactions | None = None) -> Self:
        """Learn; forget the past."""
        if self.dim % self.heads:
            raise FitError("heads must divide dim", received=(self.dim, self.heads),
                           remedy="give dim 64 and heads 2, say")  # fmt: skip
        if self.candidates < 1:
            raise FitError("candidates must be over 0", received=self.candidates,
                           remedy="give candidates 2048, say")  # fmt: skip
        self.popularity_ = popularity(train)
        self.means_ = content_means(items)
        rows = content_rows(items, self.means_, train.shape[1])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            reader = self._make(train.shape[1], rows.shape[1]).to(pick_device(self.device))
            self.measured_ = self._teach(reader, torch.from_numpy(rows), train, valid)
        reader = reader.cpu()
        self.weights_ = {k: v.numpy().copy() for k, v in reader.state_dict().items()}
        self._reader = None
        self.vectors_ = self._settled(rows)
        return self

    def add_items(self, views: Views) -> Self:
        """Return a model that knows these further items too, numbered from n on."""
        count = len(next(iter(views.values()))) if views else 0
        rows = content_rows(views, self.means_, count)
        grown = replace(self)
        for name in ("weights_", "means_", "measured_"):
            setattr(grown, name, getattr(self, name))
        fresh = to_norm(self._told(rows), mean_norm(self.vectors_[self.popularity_ > 0]))
        grown.vectors_ = np.concatenate([self.vectors_, fresh])
        grown.popularity_ = np.concatenate([self.popularity_, np.zeros(count, np.float32)])
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
        told = {
            "dim": [32, 64, 128],
            "layers": [1, 2, 3],
            "dropout": {"low": 0, "high": 0.7},
            "rate": {"low": 0.0005, "high": 0.01, "log": True},
            "weight_decay": {"low": 0.01, "high": 3, "log": True},
        }
        return told | {"hide": {"low": 0, "high": 0.6}} if items else told

    def users(self, query: Query) -> Floats:
        """Return (b, dim) what the transformer makes of the liked part of each history."""
        with torch.inference_mode():
            return self._read(self.reader, torch.from_numpy(self.vectors_), query)

    @property
    def reader(self) -> Reader:
        """Return the trained transformer, on the CPU."""
        if self._reader is None:
            count, _ = self.weights_["own"].shape
            reader = self._make(count, self.weights_["adapter"].shape[0])
            reader.load_state_dict({k: torch.from_numpy(v) for k, v in self.weights_.items()})
            self._reader = reader.eval()
        return self._reader

    def _make(self, count: int, width: int) -> Reader:
        return Reader(
            (count, width), self.dim, layers=self.layers, heads=self.heads,
            longest=self.history, dropout=self.dropout,
        )  # fmt: skip

    def _read(self, reader: Reader, vectors: Any, query: Query) -> Floats:
        rows, lengths = latest(likes(query), self.history)
        device = vectors.device
        states = reader(vectors, torch.from_numpy(rows).to(device))
        last: Floats = states[torch.arange(len(rows)), torch.from_numpy(lengths)].cpu().numpy()
        return last

    def _teach(
        self, reader: Reader, content: Any, events: Interactions, valid: Interactions | None
    ) -> list[float]:
        device = next(reader.parameters()).device
        content = content.to(device)
        known = torch.from_numpy(self.popularity_ > 0).to(device)
        untimed = not (events.times != NO_TIME).any()
        histories = likes(events.histories(np.arange(events.shape[0])))
        spans = np.minimum(np.diff(histories.starts), self.history)

        def batches(order: np.random.Generator) -> Iterator[Query]:
            told = shuffled(histories, order) if untimed else histories
            return (pick(told, users) for users in alike(spans, self.batch, order))

        def loss(batch: Query) -> Any:
            shown = known & (torch.rand(len(known)) >= self.hide).to(device)
            vectors = reader.items(content, shown if content.shape[1] else known)
            rows, lengths = latest(batch, self.history)
            return next_item_loss(reader, vectors, known, (rows, lengths), self.candidates)

        def score(query: Query) -> Floats:
            vectors = reader.items(content, known)
            users = torch.from_numpy(self._read(reader, vectors, query)).to(device)
            made: Floats = (users @ vectors.T).cpu().numpy()
            return made

        schedule = Schedule(self.epochs, self.rate, self.weight_decay, patience=5)
        return train(
            reader, batches, loss, valid=ranking_watch(score, events, valid, every=2),
            schedule=schedule, seed=self.seed, name="sasrec",
        )  # fmt: skip

    def _settled(self, rows: Floats) -> Floats:
        """Return (n, dim) the vectors of the items at fit."""
        known = self.popularity_ > 0
        vectors = self.weights_["own"] * known[:, None] + self._told(rows)
        vectors[~known] = to_norm(vectors[~known], mean_norm(vectors[known]))
        return np.asarray(vectors, np.float32)

    def _told(self, rows: Floats) -> Floats:
        """Return (n, dim) what content says of items."""
        return np.asarray(rows @ self.weights_["adapter"], np.float32)
