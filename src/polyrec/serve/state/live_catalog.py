"""The catalogue as it is now: which items are visible, their categories, labels and times.

An item's catalogue row stays its own as long as the service runs. The rows of a model are other
numbers, since a model may lack items of the catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from polyrec.database.records import UNDESCRIBED, ItemRecord
from polyrec.serve.state.labels import LabelIndex
from polyrec.types import Bools, Ints


@dataclass(frozen=True)
class Filters:
    """What an item has to fulfil; what is empty filters nothing."""

    categories: tuple[str, ...] = ()  # all of them
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)  # one of them, for each key
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # both ends included

    def __bool__(self) -> bool:
        return bool(self.categories or self.labels or self.ranges)


NO_FILTERS = Filters()


class LiveCatalog:
    """Items by catalogue row. Not thread-safe: `LiveState` holds a lock."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.rows: dict[str, int] = {}
        self.version = 0  # incremented by every change
        self.deleted: set[str] = set()  # since the start; their rows are not reused
        self._visible = np.zeros(0, bool)
        self._times: Ints = np.zeros(0, np.int64)
        self._metadata: dict[int, tuple[tuple[str, ...], Any]] = {}  # row -> categories, labels
        self._categories: dict[str, set[int]] = {}
        self._labels = LabelIndex()

    def __len__(self) -> int:
        return len(self.ids)

    def put(self, item: ItemRecord) -> None:
        """Add an item, or replace what is held of it."""
        row = self._row(item.item_id)
        self.deleted.discard(item.item_id)
        self._clear(row)
        self._visible[row] = not item.is_hidden and item.status != UNDESCRIBED
        self._times[row] = item.timestamp or 0
        if item.categories or item.labels is not None:
            self._metadata[row] = (item.categories, item.labels)
        for category in item.categories:
            self._categories.setdefault(category, set()).add(row)
        self._labels.add(row, item.labels)
        self.version += 1

    def delete(self, item_id: str) -> None:
        """Remove an item; its row stays empty."""
        row = self.rows.get(item_id)
        if row is not None:
            self._clear(row)
            self._visible[row] = False
            self.deleted.add(item_id)
            self.version += 1

    @property
    def visible(self) -> Bools:
        """Return (n,) whether a row's item may be shown."""
        return self._visible[: len(self.ids)]

    @property
    def times(self) -> Ints:
        """Return (n,) microseconds since 1970."""
        return self._times[: len(self.ids)]

    def matching(self, filters: Filters) -> Bools:
        """Return (n,) whether a row's item is visible and fulfils the filters."""
        mask = self.visible.copy()
        for category in filters.categories:
            mask &= self._mask(self._categories.get(category, set()))
        for key, values in filters.labels.items():
            mask &= self._mask(self._labels.rows_with(key, values))
        for key, (low, high) in filters.ranges.items():
            mask &= self._labels.in_range(key, low, high, count=len(self.ids))
        return mask

    def _mask(self, rows: set[int]) -> Bools:
        mask = np.zeros(len(self.ids), bool)
        mask[np.fromiter(rows, np.int64, len(rows))] = True
        return mask

    def _row(self, item_id: str) -> int:
        """Return an item's row, a new one for a new item."""
        row = self.rows.get(item_id)
        if row is not None:
            return row
        row = self.rows[item_id] = len(self.ids)
        if row == len(self._visible):
            extra = max(1024, row)
            self._visible = np.pad(self._visible, (0, extra))
            self._times = np.pad(self._times, (0, extra))
        self.ids.append(item_id)
        return row

    def _clear(self, row: int) -> None:
        categories, labels = self._metadata.pop(row, ((), None))
        for category in categories:
            self._categories[category].discard(row)
        self._labels.remove(row, labels)
