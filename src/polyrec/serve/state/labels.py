"""An index from labels and numbers to items, for filters on Labels.

Gorse lets Labels be any JSON. A string is a tag, a list of strings are tags, a mapping gives each
key its strings, or a number ("price": 12.5); nested mappings have keys "outer.inner". Lists of
numbers (vectors) are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from polyrec.types import Bools

_MAX_DEPTH = 8


class LabelIndex:
    """Labels and numbers by catalogue row.

    >>> index = LabelIndex()
    >>> index.add(3, {"colour": ["red", "blue"], "price": 12.5})
    >>> index.rows_with("colour", ["red"]), index.in_range("price", 10, 20, count=5).tolist()
    ({3}, [False, False, False, True, False])
    """

    def __init__(self) -> None:
        self._labels: dict[tuple[str, str], set[int]] = {}
        self._numbers: dict[str, dict[int, float]] = {}

    def add(self, row: int, labels: Any) -> None:
        """Add an item's labels."""
        for key, value in _flatten("", labels, _MAX_DEPTH):
            if isinstance(value, str):
                self._labels.setdefault((key, value), set()).add(row)
            else:
                self._numbers.setdefault(key, {})[row] = value

    def remove(self, row: int, labels: Any) -> None:
        """Remove labels that `add` added."""
        for key, value in _flatten("", labels, _MAX_DEPTH):
            if isinstance(value, str):
                self._labels[key, value].discard(row)
                if not self._labels[key, value]:
                    del self._labels[key, value]
            else:
                self._numbers[key].pop(row, None)

    def rows_with(self, key: str, values: Sequence[str]) -> set[int]:
        """Return the rows with one of these labels under a key; "" is the key of tags."""
        return set().union(*(self._labels.get((key, value), ()) for value in values))

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how many rows each label has, by key and label."""
        return {label: len(rows) for label, rows in self._labels.items()}

    def numbers(self) -> Mapping[str, Mapping[int, float]]:
        """Return the rows' numbers by key."""
        return self._numbers

    def in_range(self, key: str, low: float, high: float, *, count: int) -> Bools:
        """Return (count,) whether a row has a number from low to high under a key."""
        mask = np.zeros(count, bool)
        numbers = self._numbers.get(key, {})
        rows = np.fromiter(numbers.keys(), np.int64, len(numbers))
        values = np.fromiter(numbers.values(), np.float64, len(numbers))
        mask[rows[(values >= low) & (values <= high)]] = True
        return mask


def label_names(labels: Any) -> Iterator[tuple[str, str]]:
    """Yield each label with its key; not the numbers."""
    for key, value in _flatten("", labels, _MAX_DEPTH):
        if isinstance(value, str):
            yield key, value


def _flatten(key: str, labels: Any, depth: int) -> Iterator[tuple[str, str | float]]:
    """Yield each label once, with its key."""
    if depth == 0 or labels is None:
        return
    if isinstance(labels, dict):
        for name, value in labels.items():
            yield from _flatten(f"{key}.{name}" if key else name, value, depth - 1)
    elif isinstance(labels, list):
        yield from ((key, tag) for tag in dict.fromkeys(v for v in labels if isinstance(v, str)))
    elif isinstance(labels, bool):
        yield key, str(labels).lower()
    elif isinstance(labels, int | float):
        yield key, float(labels)
    else:
        yield key, labels
