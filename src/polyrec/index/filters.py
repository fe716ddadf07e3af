"""Conditions on items: categories, labels, numbers and times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields


@dataclass(frozen=True)
class Filters:
    """What an item has to fulfil; what is empty filters nothing."""

    categories: tuple[str, ...] = ()  # all of them
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)  # one of them, for each key
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # both ends included
    any_categories: tuple[str, ...] = ()  # one of them
    without_categories: tuple[str, ...] = ()  # none of them
    without_labels: Mapping[str, Sequence[str]] = field(default_factory=dict)  # none of them
    times: tuple[int, int] | None = None  # microseconds since 1970, both ends included

    def __bool__(self) -> bool:
        return any(getattr(self, entry.name) for entry in fields(self))


NO_FILTERS = Filters()
