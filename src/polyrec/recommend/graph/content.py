"""What graph recommenders that read content share: views, their graphs, a place for new items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from polyrec.recommend.content_features import check_weights, readable
from polyrec.recommend.graph.base import GraphRecommender, normalize_rows
from polyrec.recommend.graph.losses import Tables
from polyrec.recommend.item_graph import Likeness, blended, nearest
from polyrec.types import Csr, Floats, Interactions, Views


@dataclass
class ContentGraphRecommender(GraphRecommender):
    """A graph recommender that knows which items are alike in each view.

    An item that nobody took has the mean of its `neighbours` nearest ones that someone took, by
    the weights of the views; `add_items` does the same for new items. Without content they come
    last. The fused view is read only if `weights` names it.
    """

    neighbours: int = 10
    weights: dict[str, float] | None = None  # view -> weight >= 0, made to add up to 1; None: equal

    content_: dict[str, dict[str, Floats]] = field(
        init=False, repr=False, compare=False
    )  # view -> mean (d,) and directions (d, r) of its Likeness, and the items' rows (n, r)

    def fit(self, train: Interactions, items: Views, *, valid: Interactions | None = None) -> Self:
        """Learn all vectors; forget the past."""
        self._read(items)
        return super().fit(train, items, valid=valid)

    def add_items(self, views: Views) -> Self:
        """Return a model that knows these further items too, numbered from n on."""
        count = len(next(iter(views.values()))) if views else 0
        rows = {
            name: self._likeness(name).rows(views[name]) for name in self.content_ if name in views
        }
        grown = replace(self)
        for name in ("own_", "values_"):
            setattr(grown, name, getattr(self, name))
        near = self._near(rows, count)
        grown.items_ = np.concatenate([self.items_, self._placed(near, self.items_)])
        grown.reach_ = np.concatenate([self.reach_, np.asarray(near @ self.reach_, np.float32)])
        grown.popularity_ = np.concatenate([self.popularity_, np.zeros(count, np.float32)])
        grown.content_ = {}
        for name, told in self.content_.items():
            fresh = rows.get(name, np.zeros((count, told["rows"].shape[1]), np.float32))
            grown.content_[name] = told | {"rows": np.concatenate([told["rows"], fresh])}
        return grown

    def search_space(self, items: Views) -> Sequence[Mapping[str, Sequence[Any]]]:
        """Return the settings worth trying on valid, stage by stage."""
        names = readable(items)
        alone: list[dict[str, float] | None] = [None, *({name: 1.0} for name in names)]
        return [
            {"temperature": (0.15, 0.2, 0.25)},
            {"weights": tuple(alone)} if len(names) > 1 else {},
            {"neighbours": (10, 20)} if names else {},
        ]

    def _read(self, items: Views) -> None:
        given = self.weights
        check_weights(given, items)
        self.content_ = {}
        for name in readable(items) if given is None else sorted(n for n in given if given[n] > 0):
            likeness = Likeness.of(items[name])
            if not likeness.directions.size:  # all rows are the same: nothing to tell items by
                continue
            self.content_[name] = {
                "mean": likeness.mean,
                "directions": likeness.directions,
                "rows": likeness.rows(items[name]),
            }

    def _likeness(self, name: str) -> Likeness:
        told = self.content_[name]
        return Likeness(told["mean"], told["directions"])

    def _shares(self) -> dict[str, float]:
        given = self.weights or dict.fromkeys(self.content_, 1.0)
        total = sum(given[name] for name in self.content_)
        return {name: given[name] / total for name in self.content_}

    def _near(self, rows: Mapping[str, Floats], count: int) -> Csr:
        """Return (count, n) weights of the items someone took that are nearest to these rows."""
        taken = self.popularity_[:, None] > 0
        graphs = {}
        for name, told in self.content_.items():
            if name in rows:
                known = np.where(taken, told["rows"], np.float32(0))
                graphs[name] = nearest(rows[name], known, self.neighbours)
        return blended(graphs, self._shares(), (count, len(self.popularity_)))

    def _placed(self, near: Csr, table: Floats) -> Floats:
        rows = np.asarray(near @ table, np.float32)
        return normalize_rows(rows) if self.loss == "softmax" else rows

    def _settle(self, scales: Floats, tables: Tables) -> None:
        super()._settle(scales, tables)
        cold = np.flatnonzero(self.popularity_ == 0)
        if len(cold) and self.content_:
            near = self._near(
                {n: told["rows"][cold] for n, told in self.content_.items()}, len(cold)
            )
            self.items_[cold] = self._placed(near, self.items_)
            self.reach_[cold] = near @ self.reach_
