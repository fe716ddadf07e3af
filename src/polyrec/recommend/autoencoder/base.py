"""What autoencoders of histories share: batches, loss, training, scoring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the custom of the field

from polyrec.compute.device import pick_device
from polyrec.contracts import learned, part
from polyrec.recommend.early_stopping import EarlyStoppedRecommender, ranking_watch
from polyrec.training.early_stop import EarlyStop
from polyrec.training.loop import Schedule, train
from polyrec.training.softmax import cross_entropy
from polyrec.types import Csr, Floats, Interactions, Ints, Query, Views

_LOOK = 2  # epochs from one look at valid to the next
_PATIENCE = 15  # looks: the last epochs, at a low rate, gain most


class HistoryBatch(NamedTuple):
    """Some users' histories as torch tensors; items not taken need no memory."""

    users: Any  # (h,) row in the batch of each event, ascending
    items: Any  # (h,)
    weights: Any  # (h,) positive
    starts: Any  # (b,)

    @classmethod
    def of(cls, matrix: Csr, device: Any) -> Self:
        """Return the rows of a (b, n) matrix."""
        users = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        parts = (users, matrix.indices, matrix.data, matrix.indptr[:-1])
        kinds = (torch.int64, torch.int64, torch.float32, torch.int64)
        pairs = zip(parts, kinds, strict=True)
        return cls(*(torch.from_numpy(part.copy()).to(device, kind) for part, kind in pairs))

    def masked(self, share: float, generator: Any) -> Any:
        """Return (h,) weights at length 1 per user, a share of them hidden, the others raised."""
        squares = torch.zeros(len(self.starts), device=self.weights.device)
        squares.index_add_(0, self.users, self.weights**2)
        unit = self.weights / squares.sqrt()[self.users]
        kept = torch.rand(len(unit), generator=generator) >= share
        return unit * kept.to(unit) / (1 - share)

    def sum_rows(self, table: Any, weights: Any) -> Any:
        """Return (b, d) the sum of each user's rows of a (n, d) table, each with its weight."""
        return F.embedding_bag(
            self.items, table, self.starts, mode="sum", per_sample_weights=weights
        )

    def codes(self, table: Any, dropout: float, generator: Any) -> Any:
        """Return (b, d) tanh(r E) of histories of which a share is hidden, E a (n, d) table."""
        return torch.tanh(self.sum_rows(table, self.masked(dropout, generator)))

    def loss(self, codes: Any, decoder: Any, bias: Any) -> Any:
        """Return the mean over users of - sum_i r_i log softmax(codes D' + b)_i.

        The multinomial loss (Liang et al., WWW 2018, eq. 2).
        """
        bounds = [*self.starts.tolist(), len(self.items)]
        events = (bounds, self.items, self.weights)
        return cross_entropy(codes, decoder, *events, bias) / len(self.starts)


def init_table(items: int, dim: int) -> nn.Parameter:
    """Return a (n, d) table drawn from N(0, .01): codes then begin where tanh starts to bend."""
    return nn.Parameter(torch.randn(items, dim) * 0.1)


@part
class Autoencoder(EarlyStoppedRecommender):
    """What autoencoders share: training around a model's own `build`, and the scores.

    What is kept are tables: logits = tanh(r `encoder`) `decoder`' + `bias`, r being the history at
    length 1. The code has no bias of its own: a user with little history gets the bias of the
    items, no code shared by all (decision 27). New events and unknown users need no fit.
    """

    dim: int = 200
    dropout: float = 0.5  # share of a history that is hidden at each step
    epochs: int = 100
    rate: float = 3e-3
    weight_decay: float = 3.0
    batch: int = 256
    device: str = "auto"
    seed: int = 7

    is_random: ClassVar[bool] = True
    small: ClassVar[Mapping[str, Any]] = {"epochs": 40}

    tables_: dict[str, Floats] = learned()

    def build(self, train: Interactions, items: Views) -> Any:
        """Return the untrained module: `loss(rows, generator)` and `tables()`."""
        raise NotImplementedError

    def search_space(self, items: Views) -> Sequence[Mapping[str, Sequence[Any]]]:  # noqa: ARG002
        """Return the settings worth trying on valid."""
        return [{"dropout": (0.3, 0.5)}, {"weight_decay": (1.0, 3.0)}]

    def _fit(self, train: Interactions, items: Views, valid: Interactions | None) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            module = self.build(train, items).to(pick_device(self.device))
            self.curve_ = self._train(module, train, valid)
        self._keep(module)

    def _score(self, query: Query) -> Floats:
        tables = self.tables_
        history = query.matrix(len(self.popularity_))
        history.data = np.maximum(history.data, 0)
        codes = np.tanh(unit_histories(history) @ tables["encoder"])
        scores: Floats = codes @ tables["decoder"].T + tables["bias"]
        return scores

    def _train(self, module: Any, events: Interactions, valid: Interactions | None) -> list[float]:
        matrix = events.positives()
        if matrix.nnz:
            matrix.data /= matrix.data.mean()  # a step is as long whatever an event weighs
        users = np.flatnonzero(np.diff(matrix.indptr) > 0)
        device = next(module.parameters()).device
        generator = torch.Generator().manual_seed(self.seed)

        def batches(order: np.random.Generator) -> Iterator[Ints]:
            shuffled = order.permutation(users)
            return (shuffled[i : i + self.batch] for i in range(0, len(shuffled), self.batch))

        def loss(rows: Ints) -> Any:
            return module.loss(HistoryBatch.of(matrix[rows], device), generator)

        return train(
            module,
            batches,
            loss,
            valid=self._watch(module, events, valid),
            schedule=Schedule(self.epochs, self.rate, self.weight_decay, _PATIENCE),
            seed=self.seed,
            generators=(generator,),
            name=type(self).__name__,
        )

    def _watch(
        self, module: Any, events: Interactions, valid: Interactions | None
    ) -> EarlyStop | None:
        watch = ranking_watch(self.score, events, valid, every=_LOOK)
        if watch is None:
            return None
        measure = watch.measure

        def measure_module() -> float:
            self._keep(module)
            return measure()

        return replace(watch, measure=measure_module)

    def _keep(self, module: Any) -> None:
        with torch.no_grad():
            self.tables_ = {k: v.cpu().numpy().copy() for k, v in module.tables().items()}


def unit_histories(history: Csr) -> Csr:
    """Return the matrix with each row at length 1; empty rows stay empty."""
    lengths = np.sqrt(np.asarray(history.multiply(history).sum(axis=1), np.float64).reshape(-1))
    scaled = history.copy()
    scaled.data = scaled.data / np.repeat(np.maximum(lengths, 1e-12), np.diff(scaled.indptr))
    return scaled.astype(np.float32)
