"""What ranks: a bundle, and the items added since it was trained; immutable.

A change is a new `Model`, put in the place of the old one by one assignment (`Live.swap`): a
request reads the reference once and keeps to it. The new-item worker calls `grown`, a refit `of`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from polyrec.bundle import Bundle
from polyrec.index.exact import ExactIndex
from polyrec.types import FUSED, Embeddings, Floats, Recommender, Views


@dataclass(frozen=True, eq=False)
class Model:
    """A snapshot of all that is needed to rank."""

    bundle: Bundle
    recommender: Recommender
    ids: tuple[str, ...]  # of the bundle, then those added
    views: Views  # rows as in `ids`
    scored: int  # the first so many rows have a score; those behind are found by content alone
    version: str = ""  # the bundle's folder
    loaded: float = field(default_factory=time.time)  # seconds since 1970

    @classmethod
    def of(cls, bundle: Bundle, *, version: str = "") -> Model:
        """Return a bundle's own model."""
        count = len(bundle.ids)
        return cls(bundle, bundle.parts.recommender, bundle.ids, bundle.views, count, version)

    def grown(self, ids: Sequence[str], views: Views) -> Model:
        """Return a model that knows these further items too; views are aligned and fused.

        A recommender that can't take in items leaves them to content.
        """
        absent = {name: _nothing(len(ids), view) for name, view in self.views.items()}
        fresh = {name: views.get(name, absent[name]) for name in self.views}
        recommender: Any = self.recommender
        scored = self.scored
        if hasattr(recommender, "add_items") and scored == len(self.ids):
            recommender = recommender.add_items(fresh)
            scored += len(ids)
        return replace(
            self,
            recommender=recommender,
            ids=(*self.ids, *ids),
            views={name: _joined(view, fresh[name]) for name, view in self.views.items()},
            scored=scored,
        )

    @cached_property
    def rows(self) -> Mapping[str, int]:
        """Return item id -> row."""
        return {name: row for row, name in enumerate(self.ids)}

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


def _joined(first: Embeddings, second: Embeddings) -> Embeddings:
    vectors = np.concatenate([first.vectors, second.vectors])
    return Embeddings(vectors, np.concatenate([first.present, second.present]), space=first.space)
