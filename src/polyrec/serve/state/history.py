"""A user's history as a recommender reads it: one entry per item, oldest first."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import ReferenceType, ref

import numpy as np

from polyrec.config.event_weights import EventWeights
from polyrec.database.feedback import Event
from polyrec.index.tastes import TasteEdits
from polyrec.serve.state.serving_model import ServingModel
from polyrec.types import Floats, Ints, Query

_NEVER = 2**63 - 1
_NO_KINDS: frozenset[str] = frozenset()


class KnownItems(NamedTuple):
    """The part of a history that a model has rows for."""

    rows: Ints  # (h,) of the model, oldest first
    weights: Floats  # (h,)


@dataclass(frozen=True)
class SeenRule:
    """Which items of a history are left out of lists: those with feedback of these types.

    >>> history = History.from_items(["a"])
    >>> history.hidden(SeenRule()), history.hidden(SeenRule(hide=False))
    (('a',), ())
    """

    hide: bool = True
    kinds: frozenset[str] | None = None  # None: all types


NOTHING_HIDDEN = SeenRule(hide=False)


@dataclass(eq=False)
class History:
    """Items with their weights, and the time of the next event that lies in the future.

    >>> events = [Event("a", "like", 0, None, 1), Event("b", "like", 0, None, 2),
    ...           Event("a", "buy", 0, None, 3)]
    >>> history = History.from_events(events, EventWeights({"like": 1, "buy": 3}), now=9)
    >>> history.items, history.weights.tolist()
    (('b', 'a'), [1.0, 4.0])
    """

    items: tuple[str, ...]
    weights: Floats  # (h,) the sum over an item's events
    next_event_at: int = _NEVER  # microseconds since 1970
    kinds: tuple[frozenset[str], ...] | None = None  # (h,) types of an item's events; None: unknown
    tastes: TasteEdits = ()  # what the user stated; of the items it names, weights are edited
    # weak: histories are many and models large, so no history may keep an old model in memory
    _model: ReferenceType[ServingModel] | None = field(default=None, repr=False)
    _known_items: KnownItems | None = field(default=None, repr=False)
    _query: Query | None = field(default=None, repr=False)

    @classmethod
    def from_events(cls, events: Iterable[Event], rule: EventWeights, *, now: int) -> History:
        """Return the history of events, given oldest first; those that aren't due don't count yet.

        An item with several events has the position of its last.
        """
        weights: dict[str, float] = {}
        kinds: dict[str, frozenset[str]] = {}
        unions: dict[tuple[frozenset[str], str], frozenset[str]] = {}  # shared: few are different
        next_event_at = _NEVER
        for event in events:
            if not event.is_due(now):
                next_event_at = min(next_event_at, event.timestamp)
                continue
            weight = feedback_weight(rule, event.feedback_type, event.value, event.weight)
            weights[event.item_id] = weights.pop(event.item_id, 0.0) + weight
            key = (kinds.get(event.item_id, _NO_KINDS), event.feedback_type)
            if key not in unions:
                unions[key] = key[0] | {event.feedback_type}
            kinds[event.item_id] = unions[key]
        return cls(
            tuple(weights), _floats(weights), next_event_at, tuple(map(kinds.__getitem__, weights))
        )

    @classmethod
    def from_items(cls, items: Sequence[str]) -> History:
        """Return the history of these items, oldest first, each of weight 1."""
        distinct = tuple(dict.fromkeys(reversed(items)))[::-1]
        return cls(distinct, np.ones(len(distinct), np.float32))

    def with_recent(self, items: Sequence[str]) -> History:
        """Return a history with one more event of weight 1 on each of these items."""
        weights = dict(zip(self.items, self.weights.tolist(), strict=True))
        for item in items:
            weights[item] = weights.pop(item, 0.0) + 1.0
        return History(tuple(weights), _floats(weights), self.next_event_at, tastes=self.tastes)

    def edited(self, tastes: TasteEdits, liked: Iterable[str], ignored: Container[str]) -> History:
        """Return a history where ignored items weigh nothing, and liked ones have one more event.

        Ignored items are still left out of lists as seen.
        """
        weights = {
            item: 0.0 if item in ignored else weight
            for item, weight in zip(self.items, self.weights.tolist(), strict=True)
        }
        kinds = dict(zip(self.items, self.kinds or (), strict=False))
        for item in liked:
            weights[item] = weights.pop(item, 0.0) + 1.0
            kinds[item] = kinds.get(item, _NO_KINDS) | {""}  # hidden by any rule that hides
        ordered = None if self.kinds is None else tuple(kinds[item] for item in weights)
        return History(tuple(weights), _floats(weights), self.next_event_at, ordered, tastes)

    def hidden(self, rule: SeenRule) -> tuple[str, ...]:
        """Return the items that a rule leaves out of lists; an event without a type always does."""
        if not rule.hide:
            return ()
        if rule.kinds is None or self.kinds is None:
            return self.items
        hiding = rule.kinds | {""}
        pairs = zip(self.items, self.kinds, strict=True)
        return tuple(item for item, kinds in pairs if not hiding.isdisjoint(kinds))

    def known_items(self, model: ServingModel) -> KnownItems:
        """Return the part that a model has rows for; cached for one model."""
        cached_for = self._model() if self._model else None
        if self._known_items is None or cached_for is not model:
            rows = np.array([model.rows.get(item, -1) for item in self.items], np.int64)
            known = rows >= 0
            self._known_items = KnownItems(rows[known], self.weights[known])
            self._model, self._query = ref(model), None
        return self._known_items

    def scored_items(self, model: ServingModel) -> KnownItems:
        """Return the part that a model has scores for, in fresh arrays."""
        rows, weights = self.known_items(model)
        scored = rows < model.scored_count
        return KnownItems(rows[scored], weights[scored])

    def query(self, model: ServingModel, user: int) -> Query | None:
        """Return the query for a model, cached too; None if the history is unusable for it.

        `user` is the row among the bundle's users, -1 for an unknown one.
        """
        self.known_items(model)  # drops the query of another model
        if self._query is None or self._query.users[0] != user:
            rows, weights = self.scored_items(model)
            query = Query(np.array([user]), np.array([0, len(rows)]), rows, weights)
            if not model.recommender.usable(query)[0]:
                return None
            self._query = query
        return self._query


def feedback_weight(
    rule: EventWeights, feedback_type: str, value: float, stored: float | None
) -> float:
    """Return a feedback's weight: what training gave it where that is stored, else by the rule.

    Value 0 is no rating: Gorse's clients send it where there is none.
    """
    return rule.of(feedback_type, rating=value or None) if stored is None else stored


def _floats(weights: dict[str, float]) -> Floats:
    return np.fromiter(weights.values(), np.float32, len(weights))
