"""What ranks: a bundle, and the items added since it was trained; immutable.

A change is a new `ServingModel`, which replaces the old one by one assignment: a request reads the
reference once and keeps to it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from polyrec.artifact.bundle import Bundle
from polyrec.artifact.content_index import ContentIndex
from polyrec.contracts import GrowsItems, Recommender
from polyrec.types import Embeddings, Floats, Views

NO_ITEM = ""
"""The id of a row whose item was deleted or has another row now; no item has this id."""


@dataclass(frozen=True, eq=False)
class ServingModel:
    """A snapshot of all that is needed to rank."""

    bundle: Bundle
    recommender: Recommender
    ids: tuple[str, ...]  # of the bundle, then those added
    views: Views  # rows as in `ids`
    scored_count: int  # leading rows that the recommender scores; later ones have content alone
    version: str = ""  # the bundle's folder
    trained_until: int = 0  # number of the last change of the database that is in the bundle
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
        """Return a bundle's own model with an equal recommender instead of the bundle's."""
        parts = replace(self.bundle.parts, recommender=recommender)
        bundle = replace(self.bundle, parts=parts)
        return replace(self, bundle=bundle, recommender=recommender)._ready(self)

    def with_items(self, ids: Sequence[str], views: Views) -> ServingModel:
        """Return a model in which these items, known or not, have this content.

        `views` are aligned and fused. An item with behaviour in training keeps its row and what was
        learned of it; any other gets a new row at the end, and its old row has no item.
        """
        trained = np.array([self._is_trained(name) for name in ids], bool)
        kept = [name for name, keeps in zip(ids, trained, strict=True) if keeps]
        appended = [name for name, keeps in zip(ids, trained, strict=True) if not keeps]
        model = self.without_items([name for name in appended if name in self.rows])
        if kept:
            rows = [self.rows[name] for name in kept]
            contents = {name: view.take(trained) for name, view in views.items()}
            model = replace(model, views=_replace_rows(model.views, rows, contents))
        if appended:
            contents = {name: view.take(~trained) for name, view in views.items()}
            model = model.append_items(appended, contents)
        return model._ready(self)

    def without_items(self, ids: Sequence[str]) -> ServingModel:
        """Return a model without these items; their rows have no item."""
        rows = [self.rows[name] for name in ids if name in self.rows]
        if not rows:
            return self
        names = list(self.ids)
        for row in rows:
            names[row] = NO_ITEM
        return replace(self, ids=tuple(names))._ready(self)

    def append_items(self, ids: Sequence[str], views: Views) -> ServingModel:
        """Return a model with these further items; views are aligned and fused.

        A recommender that can't grow does not score them: they have content alone.
        """
        rows = {
            name: views[name] if name in views else _absent(len(ids), view)
            for name, view in self.views.items()
        }
        recommender = self.recommender
        scored_count = self.scored_count
        if isinstance(recommender, GrowsItems) and scored_count == len(self.ids):
            recommender = recommender.add_items(rows)
            scored_count += len(ids)
        return replace(
            self,
            recommender=recommender,
            ids=(*self.ids, *ids),
            views={name: _append_rows(view, rows[name]) for name, view in self.views.items()},
            scored_count=scored_count,
        )

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
        """Return (n,) the people who took each item in training; the most popular has 1."""
        added = len(self.ids) - len(self.bundle.ids)
        return np.pad(self._trained_popularity, (0, added))

    @cached_property
    def content(self) -> ContentIndex:
        """Return the index over the views."""
        return ContentIndex(self.views, self.bundle.parts)

    @cached_property
    def _trained_popularity(self) -> Floats:
        pairs = self.bundle.behaviour["train"].positives()
        people = np.bincount(pairs.indices, minlength=len(self.bundle.ids)).astype(np.float32)
        return np.asarray(people / max(1, people.max(initial=0)), np.float32)

    def _is_trained(self, item_id: str) -> bool:
        """Return whether training saw positive events of an item."""
        row = self.rows.get(item_id, len(self.bundle.ids))
        return row < len(self.bundle.ids) and bool(self._trained_popularity[row] > 0)

    def _ready(self, before: ServingModel) -> ServingModel:
        """Make what the first request would have to wait for; keep what is the bundle's."""
        for name in ("users", "_trained_popularity"):
            if name in before.__dict__:
                self.__dict__[name] = before.__dict__[name]
        _ = self.rows
        return self


def _absent(count: int, view: Embeddings) -> Embeddings:
    return Embeddings(np.zeros((count, view.width), np.float32), np.zeros(count, bool))


def _replace_rows(views: Views, rows: Sequence[int], contents: Views) -> Views:
    """Return copies of the views with new content in some rows."""
    copies = {}
    for name, view in views.items():
        vectors, present = view.vectors.copy(), view.present.copy()
        vectors[rows], present[rows] = contents[name].vectors, contents[name].present
        copies[name] = Embeddings(vectors, present, space=view.space)
    return copies


def _append_rows(first: Embeddings, second: Embeddings) -> Embeddings:
    vectors = np.concatenate([first.vectors, second.vectors])
    return Embeddings(vectors, np.concatenate([first.present, second.present]), space=first.space)
