"""What ranks: a bundle, and the items added since it was trained; immutable.

A change is a new `ServingModel`, put in the place of the old one by one assignment (`Live.swap`): a
request reads the reference once and keeps to it. A bundle begins with `of`, the keeper goes on with
`with_items`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from polyrec.artifact.bundle import Bundle
from polyrec.contracts import GrowsItems, Recommender
from polyrec.index.exact import ExactIndex
from polyrec.types import FUSED, Embeddings, Floats, Views

NO_ITEM = ""
"""The id of a place whose item is gone or stands elsewhere now; no item is called so."""


@dataclass(frozen=True, eq=False)
class ServingModel:
    """A snapshot of all that is needed to rank."""

    bundle: Bundle
    recommender: Recommender
    ids: tuple[str, ...]  # of the bundle, then those added
    views: Views  # rows as in `ids`
    scored_count: (
        int  # the first so many rows have a score; those behind are found by content alone
    )
    version: str = ""  # the bundle's folder
    trained_until: int = (
        0  # what the database got up to then is in the bundle (microseconds since 1970)
    )
    loaded_at: float = field(default_factory=time.time)  # seconds since 1970

    @classmethod
    def from_bundle(
        cls, bundle: Bundle, *, version: str = "", trained_until: int = 0
    ) -> ServingModel:
        """Return a bundle's own model."""
        count = len(bundle.ids)
        recommender = bundle.parts.recommender
        return cls(bundle, recommender, bundle.ids, bundle.views, count, version, trained_until)

    def with_recommender(self, recommender: Recommender) -> ServingModel:
        """Return a bundle's own model with an equal recommender in the place of the bundle's."""
        parts = replace(self.bundle.parts, recommender=recommender)
        bundle = replace(self.bundle, parts=parts)
        return replace(self, bundle=bundle, recommender=recommender)._ready(self)

    def with_items(self, ids: Sequence[str], views: Views) -> ServingModel:
        """Return a model in which these items, known or not, have this content.

        `views` are aligned and fused. An item with behaviour keeps its place and what was learned
        of it; any other gets a new place at the end, and its old one is nobody's.
        """
        learned = np.array([self._has_learned(name) for name in ids], bool)
        kept = [name for name, there in zip(ids, learned, strict=True) if there]
        fresh = [name for name, there in zip(ids, learned, strict=True) if not there]
        model = self.without_items([name for name in fresh if name in self.rows])
        if kept:
            rows = [self.rows[name] for name in kept]
            taken = {name: view.take(learned) for name, view in views.items()}
            model = replace(model, views=_replaced(model.views, rows, taken))
        if fresh:
            model = model.append_items(fresh, {n: view.take(~learned) for n, view in views.items()})
        return model._ready(self)

    def without_items(self, ids: Sequence[str]) -> ServingModel:
        """Return a model that does not know these items; their places are nobody's."""
        rows = [self.rows[name] for name in ids if name in self.rows]
        if not rows:
            return self
        names = list(self.ids)
        for row in rows:
            names[row] = NO_ITEM
        return replace(self, ids=tuple(names))._ready(self)

    def append_items(self, ids: Sequence[str], views: Views) -> ServingModel:
        """Return a model that knows these further items too; views are aligned and fused.

        A recommender that can't take in items leaves them to content.
        """
        absent = {name: _nothing(len(ids), view) for name, view in self.views.items()}
        fresh = {name: views.get(name, absent[name]) for name in self.views}
        recommender = self.recommender
        scored = self.scored_count
        if isinstance(recommender, GrowsItems) and scored == len(self.ids):
            recommender = recommender.add_items(fresh)
            scored += len(ids)
        return replace(
            self,
            recommender=recommender,
            ids=(*self.ids, *ids),
            views={name: _joined(view, fresh[name]) for name, view in self.views.items()},
            scored_count=scored,
        )

    def _has_learned(self, item_id: str) -> bool:
        """Return whether there is something of an item that only training can tell."""
        row = self.rows.get(item_id, len(self.bundle.ids))
        return row < len(self.bundle.ids) and bool(self.popularity[row] > 0)

    def _ready(self, before: ServingModel) -> ServingModel:
        """Lay out what the first request would have to, beside the event loop."""
        if "users" in before.__dict__:
            self.__dict__["users"] = before.users  # the bundle's, and large
        _ = self.rows, self.content
        return self

    @cached_property
    def rows(self) -> Mapping[str, int]:
        """Return item id -> row."""
        return {name: row for row, name in enumerate(self.ids) if name}

    @cached_property
    def users(self) -> Mapping[str, int]:
        """Return user id -> row, of those the bundle was trained on."""
        return {name: row for row, name in enumerate(self.bundle.users)}

    @cached_property
    def popularity(self) -> Floats:
        """Return (n,) the positive weight that each item had in training, at most 1."""
        events = self.bundle.behaviour["train"]
        total = np.zeros(len(self.ids), np.float32)
        sums = np.bincount(events.items, events.weights.clip(0), minlength=len(self.bundle.ids))
        total[: len(sums)] = sums
        return np.asarray(total / max(1e-9, float(total.max(initial=0.0))), np.float32)

    @cached_property
    def content(self) -> ExactIndex | None:
        """Return the index over the fused view, None for a bundle without content."""
        return self.index(FUSED) if FUSED in self.views else None

    def index(self, view: str) -> ExactIndex:
        """Return the index over one view."""
        if view not in self._indexes:
            chosen = self.views[view]
            self._indexes[view] = ExactIndex(chosen.vectors, chosen.present)
        return self._indexes[view]

    @cached_property
    def _indexes(self) -> dict[str, ExactIndex]:
        return {}


def _nothing(count: int, view: Embeddings) -> Embeddings:
    return Embeddings(np.zeros((count, view.width), np.float32), np.zeros(count, bool))


def _replaced(views: Views, rows: Sequence[int], fresh: Views) -> Views:
    """Return the views with these rows put in the place of those that are there."""
    found = {}
    for name, view in views.items():
        vectors, present = view.vectors.copy(), view.present.copy()
        vectors[rows], present[rows] = fresh[name].vectors, fresh[name].present
        found[name] = Embeddings(vectors, present, space=view.space)
    return found


def _joined(first: Embeddings, second: Embeddings) -> Embeddings:
    vectors = np.concatenate([first.vectors, second.vectors])
    return Embeddings(vectors, np.concatenate([first.present, second.present]), space=first.space)
