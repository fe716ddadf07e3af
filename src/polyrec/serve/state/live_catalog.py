"""The catalogue as it is now: which items are visible, their categories, labels and times.

An item's catalogue row stays its own as long as the service runs. The rows of a model are other
numbers, since a model may lack items of the catalogue.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import numpy as np

from polyrec.generate.chat.profile import FacetName, TasteProfile, taste_profile
from polyrec.generate.chat.vocabulary import Vocabulary
from polyrec.index.filters import Filters
from polyrec.index.tastes import Taste
from polyrec.serve.state.labels import LabelIndex, label_names
from polyrec.types import Bools, Ints

_MAX_NAMES = 10_000  # categories, and labels, that conversations can name: the most frequent
_MAX_NUMBERS, _MAX_VALUES = 100, 10_000  # keys of numbers, and values of each
Name = TypeVar("Name")


class CatalogNames(NamedTuple):
    """Categories and labels with the number of their items, and numbers by key."""

    categories: Mapping[str, int]
    labels: Mapping[tuple[str, str], int]
    numbers: Mapping[str, Sequence[float]]
    has_times: bool

    def vocabulary(self) -> Vocabulary:
        """Return the vocabulary of the most frequent ones."""
        return Vocabulary.of(
            _most_frequent(self.categories), _most_frequent(self.labels), self.numbers,
            has_times=self.has_times,
        )  # fmt: skip


class CatalogItem(NamedTuple):
    """What the catalogue holds of an item."""

    item_id: str
    is_visible: bool = True
    categories: tuple[str, ...] = ()
    timestamp: int = 0  # microseconds since 1970
    labels: Any = None  # any JSON


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

    def put(self, item: CatalogItem) -> None:
        """Add an item, or replace what is held of it."""
        row = self._row(item.item_id)
        self.deleted.discard(item.item_id)
        self._clear(row)
        self._visible[row] = item.is_visible
        self._times[row] = item.timestamp
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
        if filters.any_categories:
            mask &= self._mask(self._rows_in(filters.any_categories))
        if filters.without_categories:
            mask &= ~self._mask(self._rows_in(filters.without_categories))
        for key, values in filters.without_labels.items():
            mask &= ~self._mask(self._labels.rows_with(key, values))
        if filters.times:
            mask &= (self.times >= filters.times[0]) & (self.times <= filters.times[1])
        return mask

    def named_by(self, tastes: Iterable[Taste]) -> Bools:
        """Return (n,) whether a row's item is, or has, what one of these tastes names."""
        rows: set[int] = set()
        for taste in tastes:
            if taste.subject == "category":
                rows |= self._categories.get(taste.value, set())
            elif taste.subject == "label":
                rows |= self._labels.rows_with(taste.key, [taste.value])
            elif taste.subject == "item" and taste.value in self.rows:
                rows.add(self.rows[taste.value])
        return self._mask(rows)

    def names(self) -> CatalogNames:
        """Return the categories, labels and numbers that conversations can name."""
        categories = {name: len(rows) for name, rows in self._categories.items() if rows}
        numbers = {
            key: list(islice(values.values(), _MAX_VALUES))
            for key, values in islice(self._labels.numbers().items(), _MAX_NUMBERS)
        }
        return CatalogNames(categories, self._labels.counts(), numbers, bool(self.times.any()))

    def values(self, items: Iterable[str], key: str) -> list[float]:
        """Return the numbers of items under a key, their times under ""; not of those without."""
        rows = [self.rows[item] for item in items if item in self.rows]
        if not key:
            return [float(self._times[row]) for row in rows if self._times[row]]
        numbers = self._labels.numbers().get(key, {})
        return [numbers[row] for row in rows if row in numbers]

    def profile(self, history: Sequence[str]) -> TasteProfile:
        """Return the profile of a history by the items that may be shown."""
        items = [item for item in history if item in self.rows and self.visible[self.rows[item]]]
        facets: list[list[FacetName]] = []
        for item in items:
            categories, labels = self._metadata.get(self.rows[item], ((), None))
            facets.append([*((None, name) for name in categories), *label_names(labels)])
        counts: Counter[FacetName] = Counter(self._labels.counts())
        counts.update({(None, name): len(rows) for name, rows in self._categories.items()})
        return taste_profile(items, facets, counts, int(self.visible.sum()))

    def _rows_in(self, categories: Sequence[str]) -> set[int]:
        """Return the rows in one of these categories."""
        return set().union(*(self._categories.get(name, ()) for name in categories))

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


def _most_frequent(counts: Mapping[Name, int]) -> dict[Name, int]:
    return dict(heapq.nlargest(_MAX_NAMES, counts.items(), key=lambda pair: pair[1]))
