"""Teach a network to see items as behaviour does.

*contrast*: two items that one user took are brought together, others of the batch pushed apart
(symmetric InfoNCE, van den Oord et al., 2018). *regress*: an item is brought to its own vector in a
factorisation of the behaviour (DropoutNet's idea, Volkovs et al., NIPS 2017), and as near to the
others of the batch as that vector is. *rank*: the two towers' loss through the network itself: the
mean of some of a user's items shall find another one of them among the batch's. A tenth of the
items is held out, and training stops when these get no better.
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

MIN_ITEMS = 8  # items to learn from
_HELD_OUT = 10  # every tenth item tells when to stop
_TEMPERATURE = 0.1
_PATIENCE = 8  # epochs
_READ = 5  # items of a history

EmbedItems = Callable[..., Any]
"""see(rows, generator) -> (b, width) tensor of items; a generator asks for altered views."""


@dataclass(frozen=True)
class ItemObjective:
    """How to teach."""

    objective: str  # "regress", "contrast" or "rank"
    width: int  # numbers per item
    epochs: int
    rate: float
    batch: int
    seed: int


class ItemTrainer:
    """One training of one network."""

    def __init__(
        self, network: Any, see: EmbedItems, plan: ItemObjective, report: ReportEpoch
    ) -> None:
        self.network, self.plan, self.report = network, plan, report
        self._see = see
        self._generator = torch.Generator().manual_seed(plan.seed)

    def from_content(self, rows: Ints, epochs: int) -> None:
        """Teach to tell two altered views of one item from those of others (SimCLR)."""
        self._train(rows, self._own_views, epochs=epochs)

    def from_behaviour(self, rows: Ints, events: Interactions | None) -> list[float]:
        """Teach what behaviour says; return the losses on the items held out."""
        plan = self.plan
        told = factorize_items(events, rows, plan.width, seed=plan.seed)
        if len(told.rows) < MIN_ITEMS:
            return []
        # drawn: every tenth would be of one kind where kinds take turns
        turns = np.random.default_rng(plan.seed).permutation(len(told.rows))
        held = turns % _HELD_OUT == _HELD_OUT - 1
        lessons = {"regress": self._regress, "contrast": self._contrast, "rank": self._rank}
        lesson = partial(lessons[plan.objective], told)
        out = told.rows[held]
        return self._train(
            told.rows[~held],
            lambda batch: lesson(batch, altered=True),
            valid=lambda: self._held_out(lesson, out),
            epochs=plan.epochs,
        )

    def _train(
        self,
        rows: Ints,
        loss: Callable[[Ints], Any],
        *,
        epochs: int,
        valid: Callable[[], float] | None = None,
    ) -> list[float]:
        schedule = Schedule(epochs, rate=self.plan.rate, patience=_PATIENCE)
        seed = self.plan.seed
        batches = partial(self._epoch, rows)
        return train(
            self.network, batches, loss, valid=valid, schedule=schedule, seed=seed,
            report=self.report, generators=(self._generator,), name="lesson",
        )  # fmt: skip

    def _epoch(self, rows: Ints, generator: np.random.Generator) -> Iterator[Ints]:
        order = generator.permutation(rows)
        for start in range(0, len(order), self.plan.batch):
            batch = order[start : start + self.plan.batch]
            if len(batch) > 1:
                yield batch

    def _seen(self, rows: Ints, *, altered: bool) -> Any:
        return F.normalize(self._see(rows, self._generator if altered else None), dim=1)

    def _own_views(self, rows: Ints) -> Any:
        """SimCLR's loss (Chen et al., ICML 2020) of two altered views of each content."""
        one, two = (self._seen(rows, altered=True) for _ in range(2))
        return info_nce(one, two, _TEMPERATURE)

    def _regress(self, told: ItemFactors, rows: Ints, *, altered: bool) -> Any:
        """Come near to an item's own factor, and as near to others of the batch as that is."""
        mine = self._seen(rows, altered=altered)
        factors = F.normalize(torch.from_numpy(told.vectors[rows]).to(mine.device), dim=1)
        alike = F.softmax(factors @ factors.T / _TEMPERATURE, dim=1)
        near = F.cross_entropy(mine @ factors.T / _TEMPERATURE, alike)
        return near + (1 - (mine * factors).sum(dim=1)).mean()

    def _contrast(self, told: ItemFactors, rows: Ints, *, altered: bool) -> Any:
        """Bring items together with one that the same users took."""
        partners = _partners(told.near, rows, self._generator)
        mine = self._seen(rows, altered=altered)
        other = self._seen(partners, altered=altered)
        together = torch.from_numpy(told.near[rows][:, partners].toarray() > 0).to(mine.device)
        return info_nce(mine, other, _TEMPERATURE, ignore=together)

    def _rank(self, told: ItemFactors, rows: Ints, *, altered: bool) -> Any:
        """Find an item from a few others that one of its users took."""
        users, others = _histories(told.taken, rows, self._generator)
        mine = self._seen(rows, altered=altered)
        read = self._seen(others.reshape(-1), altered=altered).reshape(*others.shape, -1)
        history = F.normalize(read.mean(dim=1), dim=1)
        together = torch.from_numpy(told.taken[users][:, rows].toarray() > 0).to(mine.device)
        return info_nce(history, mine, _TEMPERATURE, ignore=together)

    def _held_out(self, lesson: Callable[..., Any], rows: Ints) -> float:
        state = self._generator.get_state()
        self._generator.manual_seed(0)  # the same partners each time
        size = self.plan.batch
        pieces = [rows[start : start + size] for start in range(0, len(rows), size)]
        losses = [(float(lesson(p, altered=False)), len(p)) for p in pieces if len(p) > 1]
        self._generator.set_state(state)
        return sum(v * n for v, n in losses) / max(1, sum(n for _, n in losses))


def info_nce(one: Any, two: Any, temperature: Any, ignore: Any = None) -> Any:
    """Return the symmetric InfoNCE loss of (b, d) unit rows, row i of one belonging to i of two.

    Pairs that `ignore` (b, b) marks are no counter-examples: they belong together, too.
    """
    scores = one @ two.T / temperature
    right = torch.arange(len(one), device=one.device)
    if ignore is not None:
        own = torch.eye(len(one), dtype=torch.bool, device=one.device)
        scores = scores.masked_fill(ignore & ~own, -1e4)
    return (F.cross_entropy(scores, right) + F.cross_entropy(scores.T, right)) / 2


def _partners(near: Csr, rows: Ints, generator: Any) -> Ints:
    """Return for each row an item taken with it, by weight; itself where there is none."""
    found = rows.copy()
    draws = torch.rand(len(rows), generator=generator).numpy()
    for place, row in enumerate(rows):
        start, stop = near.indptr[row], near.indptr[row + 1]
        if stop > start:
            total = np.cumsum(near.data[start:stop])
            found[place] = near.indices[start + np.searchsorted(total, draws[place] * total[-1])]
    return found


def _histories(taken: Csr, rows: Ints, generator: Any) -> tuple[Ints, Ints]:
    """Return for each item a user who took it (b,), and some of that user's other items (b, 5).

    A user who took nothing else is asked by the item itself.
    """
    takers = taken.T.tocsr()
    draws = torch.rand((len(rows), 1 + _READ), generator=generator).numpy()
    users = np.zeros(len(rows), np.int64)
    others = np.repeat(rows[:, None], _READ, axis=1)
    for place, row in enumerate(rows):
        known = takers.indices[takers.indptr[row] : takers.indptr[row + 1]]
        users[place] = known[int(draws[place, 0] * len(known))]
        start, stop = taken.indptr[users[place]], taken.indptr[users[place] + 1]
        rest = taken.indices[start:stop]
        rest = rest[rest != row]
        if len(rest):
            others[place] = rest[(draws[place, 1:] * len(rest)).astype(np.int64)]
    return users, others
