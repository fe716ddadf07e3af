"""The items as they stand now: which are shown, their categories, labels and times.

Every item has a place, a number that stays its own as long as the service runs; the model's rows
are other numbers, since it knows fewer items, or more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from polyrec.database.records import ItemRecord
from polyrec.serve.state.labels import LabelIndex
from polyrec.types import Bools, Ints


@dataclass(frozen=True)
class Filters:
    """What an item has to fulfil; where nothing is said, all may come."""

    categories: tuple[str, ...] = ()  # all of them
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)  # one of them, for each key
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # both ends included

    def __bool__(self) -> bool:
        return bool(self.categories or self.labels or self.ranges)


NO_FILTERS = Filters()


class LiveCatalog:
    """Items by place. Only one thread at a time may change or ask it (see `Live`)."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.rows: dict[str, int] = {}
        self.version = 0  # goes up with every change
        self.deleted: set[str] = set()  # deleted since the start; their places stay empty
        self._visible = np.zeros(0, bool)
        self._times: Ints = np.zeros(0, np.int64)
        self._held: dict[int, tuple[tuple[str, ...], Any]] = {}  # place -> categories, labels
        self._categories: dict[str, set[int]] = {}
        self._labels = LabelIndex()

    def __len__(self) -> int:
        return len(self.ids)

    def put(self, item: ItemRecord) -> None:
        """Take in an item, or what became of it."""
        place = self._place(item.item_id)
        self.deleted.discard(item.item_id)
        self._let_go(place)
        self._visible[place] = not item.is_hidden
        self._times[place] = item.timestamp or 0
        if item.categories or item.labels is not None:
            self._held[place] = (item.categories, item.labels)
        for category in item.categories:
            self._categories.setdefault(category, set()).add(place)
        self._labels.add(place, item.labels)
        self.version += 1

    def drop(self, item_id: str) -> None:
        """Forget a deleted item; its place stays empty."""
        place = self.rows.get(item_id)
        if place is not None:
            self._let_go(place)
            self._visible[place] = False
            self.deleted.add(item_id)
            self.version += 1

    @property
    def visible(self) -> Bools:
        """Return (n,) which places hold an item that may be shown."""
        return self._visible[: len(self.ids)]

    @property
    def times(self) -> Ints:
        """Return (n,) microseconds since 1970."""
        return self._times[: len(self.ids)]

    def matching(self, filters: Filters) -> Bools:
        """Return (n,) which places hold a shown item that fulfils the filters."""
        found = self.visible.copy()
        for category in filters.categories:
            found &= self._mask(self._categories.get(category, set()))
        for key, values in filters.labels.items():
            found &= self._mask(self._labels.having(key, values))
        for key, (low, high) in filters.ranges.items():
            found &= self._labels.between(key, low, high, count=len(self.ids))
        return found

    def _mask(self, places: set[int]) -> Bools:
        mask = np.zeros(len(self.ids), bool)
        mask[np.fromiter(places, np.int64, len(places))] = True
        return mask

    def _place(self, item_id: str) -> int:
        place = self.rows.get(item_id)
        if place is not None:
            return place
        place = self.rows[item_id] = len(self.ids)
        if place == len(self._visible):
            more = max(1024, place)
            self._visible = np.pad(self._visible, (0, more))
            self._times = np.pad(self._times, (0, more))
        self.ids.append(item_id)
        return place

    def _let_go(self, place: int) -> None:
        categories, labels = self._held.pop(place, ((), None))
        for category in categories:
            self._categories[category].discard(place)
        self._labels.remove(place, labels)
