"""Recent popularity: how many people took an item lately, halved after every half-life.

It counts the feedback table, not the log: one per person and item, however many events there are,
and none of the future until it is due. Only the pairs of user and item with the latest positive
feedback in the log are counted, so that all workers count the same, whenever they were started.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from polyrec.config.event_weights import EventWeights
from polyrec.database.feedback import Event
from polyrec.serve.state.history import feedback_weight

Pair: TypeAlias = tuple[str, str]
"""A user and an item."""

ReadPairs: TypeAlias = Callable[[Sequence[Pair]], dict[Pair, list[Event]]]
"""Reads the feedback that stands for pairs; those without any are left out."""

_DAY = 86_400_000_000  # microseconds
_MINUTE = 60_000_000  # within one, scores stay the same
_CHUNK = 500  # pairs read at once


class _Standing(NamedTuple):
    """What a pair's feedback counts, and when the next of it is due."""

    weight: float
    timestamp: int
    due_at: float


class RecentPopularity:
    """The latest pairs and what they count. Methods may be called from any thread.

    >>> popularity = RecentPopularity(longest=9, half_life_days=1)
    >>> events = {("ann", "a"): [Event("a", "like", 0, None, 0)],
    ...           ("bob", "b"): [Event("b", "like", 0, None, 86_400_000_000)]}
    >>> for pair in events:
    ...     popularity.add(pair)
    >>> rows, now = {"a": 0, "b": 1}, 2 * 86_400_000_000
    >>> popularity.refresh(lambda pairs: events, rows.get, EventWeights(), now=now)
    >>> popularity.sums(2, now=now).tolist()
    [0.25, 0.5]
    """

    def __init__(self, *, longest: int, half_life_days: float) -> None:
        self._half_life = half_life_days * _DAY
        self._lock = threading.Lock()
        self._refreshing = threading.Lock()  # an older read must not replace a newer one
        self._slots: OrderedDict[Pair, int] = OrderedDict()  # the latest last
        self._free = list(range(longest))
        self._rows = np.zeros(longest, np.int64)
        self._weights = np.zeros(longest)
        self._times = np.zeros(longest)
        self._due_at = np.full(longest, np.inf)  # when the next feedback of the future counts
        self._pairs: list[Pair] = [("", "")] * longest  # by slot
        self._changed: dict[Pair, None] = {}  # to be read

    def __len__(self) -> int:
        return len(self._slots)

    def add(self, pair: Pair) -> None:
        """Hold a pair as the latest; it is read at the next `refresh`."""
        with self._lock:
            if pair in self._slots:
                self._slots.move_to_end(pair)
            else:
                if not self._free:
                    self._drop(next(iter(self._slots)))
                slot = self._slots[pair] = self._free.pop()
                self._pairs[slot] = pair
            self._changed[pair] = None

    def mark(self, pairs: Iterable[Pair] | None = None) -> None:
        """Read these pairs at the next `refresh`, or all, as far as they are held."""
        with self._lock:
            held = self._slots if pairs is None else filter(self._slots.__contains__, pairs)
            self._changed |= dict.fromkeys(held)

    def refresh(
        self,
        read: ReadPairs,
        row_of: Callable[[str], int | None],
        rule: EventWeights,
        *,
        now: int,
    ) -> None:
        """Read what changed or became due."""
        with self._refreshing:
            while pairs := self._take_changed(now):
                try:
                    events = read(pairs)
                except BaseException:  # the database did not answer: they are still to be read
                    self.mark(pairs)
                    raise
                with self._lock:
                    for pair in pairs:
                        self._put(pair, row_of(pair[1]), _standing(events.get(pair, ()), rule, now))

    def sums(self, count: int, *, now: int) -> npt.NDArray[np.float64]:
        """Return (count,) by catalogue row: the weights, halved after every half-life."""
        with self._lock:
            ages = np.maximum(now // _MINUTE * _MINUTE - self._times, 0) / self._half_life
            counted = (self._weights > 0) & (self._rows < count)
            weights = self._weights[counted] * 2.0 ** -np.minimum(ages[counted], 1000)
            sums = np.bincount(self._rows[counted], weights, minlength=count)
        return sums.astype(np.float64)

    def _take_changed(self, now: int) -> list[Pair]:
        with self._lock:
            for slot in np.flatnonzero(self._due_at <= now).tolist():
                self._changed[self._pairs[slot]] = None
            pairs = list(self._changed)[:_CHUNK]
            for pair in pairs:
                del self._changed[pair]
        return pairs

    def _put(self, pair: Pair, row: int | None, standing: _Standing | None) -> None:
        slot = self._slots.get(pair)
        if slot is None:
            return
        if standing is None or row is None:
            self._drop(pair)
            return
        self._rows[slot], self._weights[slot] = row, standing.weight
        self._times[slot], self._due_at[slot] = standing.timestamp, standing.due_at

    def _drop(self, pair: Pair) -> None:
        slot = self._slots.pop(pair)
        self._weights[slot], self._due_at[slot] = 0, np.inf
        self._pairs[slot] = ("", "")
        self._free.append(slot)
        self._changed.pop(pair, None)


def _standing(events: Sequence[Event], rule: EventWeights, now: int) -> _Standing | None:
    """Return what a pair counts: its largest weight, at its latest time; None without events.

    Nothing if its weights add up to 0 or less: the person disliked the item.
    """
    if not events:
        return None
    due = [event for event in events if event.is_due(now)]
    weights = [feedback_weight(rule, e.feedback_type, e.value, e.weight) for e in due]
    counts = sum(weights) > 0
    latest = max((e.timestamp for e, w in zip(due, weights, strict=True) if w > 0), default=0)
    later = min((e.timestamp for e in events if not e.is_due(now)), default=np.inf)
    return _Standing(max(weights) if counts else 0.0, latest, later)
