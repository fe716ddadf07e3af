"""What someone did, as a recommender reads it: one entry per item, oldest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import ReferenceType, ref

import numpy as np

from polyrec.database.feedback import Event
from polyrec.serve.state.event_weights import Worth
from polyrec.serve.state.serving_model import ServingModel
from polyrec.types import Floats, Ints, Query

NEVER = 2**63 - 1


class KnownItems(NamedTuple):
    """The part of a history that a model knows."""

    rows: Ints  # (h,) of the model, oldest first
    weights: Floats  # (h,)


@dataclass(eq=False)
class History:
    """Items and weights, and when the next event of the future comes in (microseconds).

    >>> told = History.from_events([Event("a", "like", 0, None, 1), Event("b", "like", 0, None, 2),
    ...                    Event("a", "buy", 0, None, 3)], Worth({"like": 1, "buy": 3}), now=9)
    >>> told.items, told.weights.tolist()
    (('b', 'a'), [1.0, 4.0])
    """

    items: tuple[str, ...]
    weights: Floats  # (h,) several events on one item added up
    due: int = NEVER
    # weak: a model that only histories remember has to go, they are many and it is large
    _model: ReferenceType[ServingModel] | None = field(default=None, repr=False)
    _known_items: KnownItems | None = field(default=None, repr=False)
    _query: Query | None = field(default=None, repr=False)

    @classmethod
    def from_events(cls, events: Iterable[Event], worth: Worth, *, now: int) -> History:
        """Return the history that events make, oldest first; those of the future don't count yet.

        An item met several times stands where it was met last.
        """
        total: dict[str, float] = {}
        due = NEVER
        for event in events:
            if event.timestamp > now:
                due = min(due, event.timestamp)
                continue
            weight = worth.of(event.feedback_type, event.value, event.weight)
            total[event.item_id] = total.pop(event.item_id, 0.0) + weight
        return cls(tuple(total), np.fromiter(total.values(), np.float32, len(total)), due)

    @classmethod
    def from_items(cls, items: Sequence[str]) -> History:
        """Return the history of someone who met these items, oldest first, each of weight 1."""
        once = tuple(dict.fromkeys(reversed(items)))[::-1]
        return cls(once, np.ones(len(once), np.float32))

    def with_recent(self, items: Sequence[str]) -> History:
        """Return a history in which these items were met just now."""
        held = dict(zip(self.items, self.weights.tolist(), strict=True))
        for item in items:
            held[item] = held.pop(item, 0.0) + 1.0
        return History(tuple(held), np.fromiter(held.values(), np.float32, len(held)), self.due)

    def known_items(self, model: ServingModel) -> KnownItems:
        """Return the part that a model knows; it is kept until another model asks."""
        last = self._model() if self._model else None
        if self._known_items is None or last is not model:
            known = [(model.rows.get(item, -1), i) for i, item in enumerate(self.items)]
            rows = np.array([row for row, _ in known if row >= 0], np.int64)
            self._known_items = KnownItems(rows, self.weights[[i for row, i in known if row >= 0]])
            self._model, self._query = ref(model), None
        return self._known_items

    def scored_items(self, model: ServingModel) -> KnownItems:
        """Return the part that a model has scores for: those behind are known by content alone."""
        rows, weights = self.known_items(model)
        known = rows < model.scored_count
        return KnownItems(rows[known], weights[known])  # copies: a question may sort its own

    def query(self, model: ServingModel, user: int) -> Query | None:
        """Return what a model is asked, kept as well; None where it has a score for nothing here.

        `user` is the row among the bundle's users, -1 for someone unknown.
        """
        self.known_items(model)  # forgets the question of another model
        if self._query is None or self._query.users[0] != user:
            rows, weights = self.scored_items(model)
            if not weights.any():
                return None
            self._query = Query(np.array([user]), np.array([0, len(rows)]), rows, weights)
        return self._query
