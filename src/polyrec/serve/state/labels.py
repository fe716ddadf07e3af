"""Which items have which label or number: the index behind filters on Labels.

Gorse lets Labels be any JSON. A string is a tag, a list of strings are tags, a mapping gives each
key its strings, or a number ("price": 12.5); mappings inside have keys "outer.inner". Lists of
numbers (vectors) are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from polyrec.types import Bools

_DEEPEST = 8


class LabelIndex:
    """Labels and numbers by place of an item.

    >>> index = LabelIndex()
    >>> index.add(3, {"colour": ["red", "blue"], "price": 12.5})
    >>> index.having("colour", ["red"]), index.between("price", 10, 20, count=5).tolist()
    ({3}, [False, False, False, True, False])
    """

    def __init__(self) -> None:
        self._labels: dict[tuple[str, str], set[int]] = {}
        self._numbers: dict[str, dict[int, float]] = {}

    def add(self, place: int, labels: Any) -> None:
        """Take in an item's labels."""
        for key, value in _flat("", labels, _DEEPEST):
            if isinstance(value, str):
                self._labels.setdefault((key, value), set()).add(place)
            else:
                self._numbers.setdefault(key, {})[place] = value

    def remove(self, place: int, labels: Any) -> None:
        """Forget labels that `add` took in."""
        for key, value in _flat("", labels, _DEEPEST):
            if isinstance(value, str):
                self._labels[key, value].discard(place)
                if not self._labels[key, value]:
                    del self._labels[key, value]
            else:
                self._numbers[key].pop(place, None)

    def having(self, key: str, values: Sequence[str]) -> set[int]:
        """Return the places with one of these labels under a key; "" is the key of tags."""
        return set().union(*(self._labels.get((key, value), ()) for value in values))

    def between(self, key: str, low: float, high: float, *, count: int) -> Bools:
        """Return (count,) who has a number from low to high under a key."""
        found = np.zeros(count, bool)
        held = self._numbers.get(key, {})
        places = np.fromiter(held.keys(), np.int64, len(held))
        values = np.fromiter(held.values(), np.float64, len(held))
        found[places[(values >= low) & (values <= high)]] = True
        return found


def _flat(key: str, labels: Any, depth: int) -> Iterator[tuple[str, str | float]]:
    """Yield each label once."""
    if depth == 0 or labels is None:
        return
    if isinstance(labels, dict):
        for name, value in labels.items():
            yield from _flat(f"{key}.{name}" if key else name, value, depth - 1)
    elif isinstance(labels, list):
        yield from ((key, tag) for tag in dict.fromkeys(v for v in labels if isinstance(v, str)))
    elif isinstance(labels, bool):
        yield key, str(labels).lower()
    elif isinstance(labels, int | float):
        yield key, float(labels)
    else:
        yield key, labels
