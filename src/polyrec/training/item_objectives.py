"""Train a network that embeds items on what behaviour relates.

*contrast*: two items that one user took are pulled together, others of the batch pushed apart
(symmetric InfoNCE, van den Oord et al., 2018). *regress*: an item is pulled to its own vector in a
factorisation of the behaviour (DropoutNet's idea, Volkovs et al., NIPS 2017), and to the others of
the batch as far as that vector is near theirs. *rank*: the two towers' loss through the network
itself: the mean of some of a user's items has to rank another of them first in the batch. A tenth
of the items is held out, and training stops when the loss on them no longer falls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 - the custom of the field

from polyrec.training.item_factors import ItemFactors, factorize_items
from polyrec.training.loop import ReportEpoch, Schedule, train
from polyrec.types import Csr, Interactions, Ints

MIN_ITEMS = 8  # to train on
_HELD_OUT = 10  # every tenth item is held out for early stopping
_TEMPERATURE = 0.1
_PATIENCE = 8  # epochs
_HISTORY = 5  # items of a history

EmbedItems = Callable[..., Any]
"""embed(rows, generator) -> (b, width) tensor of items; augmented where there is a generator."""


@dataclass(frozen=True)
class ItemTrainingSettings:
    """The settings of one training."""

    objective: str  # "regress", "contrast" or "rank"
    width: int  # numbers per item
    epochs: int
    rate: float
    batch: int
    seed: int


class ItemTrainer:
    """One training of one network."""

    def __init__(
        self, network: Any, embed: EmbedItems, settings: ItemTrainingSettings, report: ReportEpoch
    ) -> None:
        self.network, self.settings, self.report = network, settings, report
        self._embed = embed
        self._generator = torch.Generator().manual_seed(settings.seed)

    def train_on_content(self, rows: Ints, epochs: int) -> None:
        """Train to match two augmentations of an item against those of others (SimCLR)."""
        self._train(rows, self._augmentation_loss, epochs=epochs)

    def train_on_behaviour(self, rows: Ints, events: Interactions | None) -> list[float]:
        """Train on the objective of the settings; return the losses on the items held out.

        Without at least 8 items that have events, the network stays as it is.
        """
        settings = self.settings
        behaviour = factorize_items(events, rows, settings.width, seed=settings.seed)
        if len(behaviour.rows) < MIN_ITEMS:
            return []
        # drawn: every tenth would be of one kind where kinds alternate
        order = np.random.default_rng(settings.seed).permutation(len(behaviour.rows))
        held_out = order % _HELD_OUT == _HELD_OUT - 1
        losses = {
            "regress": self._regress_loss,
            "contrast": self._contrast_loss,
            "rank": self._rank_loss,
        }
        loss = partial(losses[settings.objective], behaviour)
        valid_rows = behaviour.rows[held_out]
        return self._train(
            behaviour.rows[~held_out],
            lambda batch: loss(batch, augment=True),
            valid=lambda: self._mean_loss(loss, valid_rows),
            epochs=settings.epochs,
        )

    def _train(
        self,
        rows: Ints,
        loss: Callable[[Ints], Any],
        *,
        epochs: int,
        valid: Callable[[], float] | None = None,
    ) -> list[float]:
        schedule = Schedule(epochs, rate=self.settings.rate, patience=_PATIENCE)
        batches = partial(self._batches, rows)
        return train(
            self.network, batches, loss, valid=valid, schedule=schedule, seed=self.settings.seed,
            report=self.report, generators=(self._generator,), name="items",
        )  # fmt: skip

    def _batches(self, rows: Ints, generator: np.random.Generator) -> Iterator[Ints]:
        order = generator.permutation(rows)
        for start in range(0, len(order), self.settings.batch):
            batch = order[start : start + self.settings.batch]
            if len(batch) > 1:
                yield batch

    def _unit(self, rows: Ints, *, augment: bool) -> Any:
        return F.normalize(self._embed(rows, self._generator if augment else None), dim=1)

    def _augmentation_loss(self, rows: Ints) -> Any:
        """Return SimCLR's loss (Chen et al., ICML 2020) of two augmentations of each item."""
        x, y = (self._unit(rows, augment=True) for _ in range(2))
        return info_nce(x, y, _TEMPERATURE)

    def _regress_loss(self, behaviour: ItemFactors, rows: Ints, *, augment: bool) -> Any:
        """Return how far items are from their factors, and from others' as those from each other.

        The second term is a cross-entropy with the factors' own similarities as soft targets.
        """
        items = self._unit(rows, augment=augment)
        factors = F.normalize(torch.from_numpy(behaviour.factors[rows]).to(items.device), dim=1)
        targets = F.softmax(factors @ factors.T / _TEMPERATURE, dim=1)
        similarity = F.cross_entropy(items @ factors.T / _TEMPERATURE, targets)
        return similarity + (1 - (items * factors).sum(dim=1)).mean()

    def _contrast_loss(self, behaviour: ItemFactors, rows: Ints, *, augment: bool) -> Any:
        """Return the loss of telling each item's co-occurring partner from those of others."""
        partners = _partners(behaviour.cooccurrence, rows, self._generator)
        x, y = self._unit(rows, augment=augment), self._unit(partners, augment=augment)
        positives = behaviour.cooccurrence[rows][:, partners].toarray() > 0
        return info_nce(x, y, _TEMPERATURE, ignore=torch.from_numpy(positives).to(x.device))

    def _rank_loss(self, behaviour: ItemFactors, rows: Ints, *, augment: bool) -> Any:
        """Return the loss of ranking items by the mean of others that one of their users took."""
        users, histories = _histories(behaviour.takers, rows, self._generator)
        items = self._unit(rows, augment=augment)
        read = self._unit(histories.reshape(-1), augment=augment).reshape(*histories.shape, -1)
        queries = F.normalize(read.mean(dim=1), dim=1)
        positives = torch.from_numpy(behaviour.takers[users][:, rows].toarray() > 0)
        return info_nce(queries, items, _TEMPERATURE, ignore=positives.to(items.device))

    def _mean_loss(self, loss: Callable[..., Any], rows: Ints) -> float:
        state = self._generator.get_state()
        self._generator.manual_seed(0)  # the same partners each time
        size = self.settings.batch
        batches = [rows[start : start + size] for start in range(0, len(rows), size)]
        losses = [(float(loss(b, augment=False)), len(b)) for b in batches if len(b) > 1]
        self._generator.set_state(state)
        return sum(value * n for value, n in losses) / max(1, sum(n for _, n in losses))


def info_nce(x: Any, y: Any, temperature: Any, ignore: Any = None) -> Any:
    """Return the symmetric InfoNCE loss of (b, d) unit rows, row i of x belonging to row i of y.

    Pairs that `ignore` (b, b) marks are no negatives: they belong together, too.
    """
    scores = x @ y.T / temperature
    targets = torch.arange(len(x), device=x.device)
    if ignore is not None:
        own = torch.eye(len(x), dtype=torch.bool, device=x.device)
        scores = scores.masked_fill(ignore & ~own, -1e4)
    return (F.cross_entropy(scores, targets) + F.cross_entropy(scores.T, targets)) / 2


def _partners(cooccurrence: Csr, rows: Ints, generator: Any) -> Ints:
    """Return for each row a co-occurring item, drawn by weight; itself where there is none."""
    partners = rows.copy()
    draws = torch.rand(len(rows), generator=generator).numpy()
    for i, row in enumerate(rows):
        start, stop = cooccurrence.indptr[row], cooccurrence.indptr[row + 1]
        if stop > start:
            total = np.cumsum(cooccurrence.data[start:stop])
            drawn = np.searchsorted(total, draws[i] * total[-1])
            partners[i] = cooccurrence.indices[start + drawn]
    return partners


def _histories(takers: Csr, rows: Ints, generator: Any) -> tuple[Ints, Ints]:
    """Return for each item a user who took it (b,), and some of that user's other items (b, 5).

    The history of a user with no other item is the item itself.
    """
    by_item = takers.T.tocsr()
    draws = torch.rand((len(rows), 1 + _HISTORY), generator=generator).numpy()
    users = np.zeros(len(rows), np.int64)
    histories = np.repeat(rows[:, None], _HISTORY, axis=1)
    for i, row in enumerate(rows):
        candidates = by_item.indices[by_item.indptr[row] : by_item.indptr[row + 1]]
        users[i] = candidates[int(draws[i, 0] * len(candidates))]
        start, stop = takers.indptr[users[i]], takers.indptr[users[i] + 1]
        others = takers.indices[start:stop]
        others = others[others != row]
        if len(others):
            histories[i] = others[(draws[i, 1:] * len(others)).astype(np.int64)]
    return users, histories
