"""Pairs of a user and an item, each with drawn items that the user did not take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from polyrec.types import Interactions, Ints

_TRIES = 4  # draws until an item taken is accepted as one not taken


class PairBatch(NamedTuple):
    """Who, what they took, and what they did not."""

    users: Ints  # (b,)
    items: Ints  # (b,)
    others: Ints  # (b, negatives)


class Pairs:
    """The pairs that train likes, and what to compare them with.

    >>> pairs = Pairs(Interactions.of([0, 1], [2, 0], shape=(2, 3)))
    >>> batch = next(pairs.batches(np.random.default_rng(0), size=2, negatives=1))
    >>> (batch.items == batch.others[:, 0]).any()
    np.False_
    """

    def __init__(self, train: Interactions) -> None:
        liked = train.positives()
        liked.sort_indices()
        self.users = np.repeat(np.arange(liked.shape[0]), np.diff(liked.indptr))
        self.items = liked.indices.astype(np.int64)
        self._count = liked.shape[1]
        self._keys = self.users * self._count + self.items  # rising
        self._known = np.unique(self.items)  # an item that nobody took is no counter-example

    def __len__(self) -> int:
        return len(self.items)

    def batches(
        self, order: np.random.Generator, *, size: int, negatives: int
    ) -> Iterator[PairBatch]:
        """Yield all pairs once, shuffled, with items drawn evenly of those not taken."""
        shuffled = order.permutation(len(self))
        for start in range(0, len(self), size):
            rows = shuffled[start : start + size]
            users = self.users[rows]
            others = self._draw(order, np.repeat(users, negatives))
            yield PairBatch(users, self.items[rows], others.reshape(-1, negatives))

    def _draw(self, order: np.random.Generator, users: Ints) -> Ints:
        return draw_untaken(order, users * self._count, self._keys, self._known, tries=_TRIES)


def draw_untaken(
    order: np.random.Generator, owners: Ints, keys: Ints, known: Ints, *, tries: int
) -> Ints:
    """Return (e,) items, drawn evenly of those `known`, that their owners did not take.

    `owners` are users times the number of items, `keys` the rising user * items + item of all that
    was taken. After so many tries, someone who took nearly all keeps an item taken.
    """
    drawn = known[order.integers(len(known), size=len(owners))]
    open_rows = np.arange(len(owners))
    for _ in range(tries):
        candidates = owners[open_rows] + drawn[open_rows]
        nearest = np.minimum(np.searchsorted(keys, candidates), len(keys) - 1)
        open_rows = open_rows[keys[nearest] == candidates]
        if not len(open_rows):
            break
        drawn[open_rows] = known[order.integers(len(known), size=len(open_rows))]
    return drawn
