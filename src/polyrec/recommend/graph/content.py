"""What graph recommenders that read content share: views, their graphs, cold items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from polyrec.contracts import learned, part
from polyrec.recommend.base import count_items
from polyrec.recommend.content_features import check_weights, readable
from polyrec.recommend.graph.base import GraphRecommender, normalize_rows
from polyrec.recommend.graph.losses import GraphOutput
from polyrec.recommend.item_graph import ContentSimilarity, knn_graph, mix_graphs
from polyrec.types import Bools, Csr, Floats, Interactions, Ints, Views


@part
class ContentGraphRecommender(GraphRecommender):
    """A graph recommender with the nearest neighbours of items in each view.

    An item that nobody took has the mean of its `neighbours` nearest ones that someone took, by
    the weights of the views; `add_items` does the same for new items. Without content they come
    last. The fused view is read only if `weights` names it.
    """

    neighbours: int = 10
    weights: dict[str, float] | None = None  # view -> weight >= 0, made to add up to 1; None: equal

    # view -> mean (d,) and directions (d, r) of its ContentSimilarity, and the items' rows (n, r)
    content_: dict[str, dict[str, Floats]] = learned()

    def add_items(self, views: Views) -> Self:
        """Return a model that knows these further items too, numbered from n on."""
        count = count_items(views)
        rows = {
            name: self._similarity(name).rows(views[name])
            for name in self.content_
            if name in views
        }
        near = self._near(rows, count)
        grown = self._grown(count)
        grown.items_ = np.concatenate([self.items_, self._mean_of(near, self.items_)])
        grown.reach_ = np.concatenate([self.reach_, np.asarray(near @ self.reach_, np.float32)])
        grown.content_ = {}
        for name, content in self.content_.items():
            fresh = rows.get(name, np.zeros((count, content["rows"].shape[1]), np.float32))
            grown.content_[name] = content | {"rows": np.concatenate([content["rows"], fresh])}
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

    def _fit(self, train: Interactions, items: Views, valid: Interactions | None) -> None:
        self._read(items)
        super()._fit(train, items, valid)

    def _informative(self, items: Ints) -> Bools:
        return np.asarray(self.reach_[items].any(axis=1))

    def _read(self, items: Views) -> None:
        weights = self.weights
        check_weights(weights, items)
        self.content_ = {}
        names = readable(items) if weights is None else sorted(n for n in weights if weights[n] > 0)
        for name in names:
            similarity = ContentSimilarity.of(items[name])
            if not similarity.directions.size:  # all rows are the same
                continue
            self.content_[name] = {
                "mean": similarity.mean,
                "directions": similarity.directions,
                "rows": similarity.rows(items[name]),
            }

    def _similarity(self, name: str) -> ContentSimilarity:
        content = self.content_[name]
        return ContentSimilarity(content["mean"], content["directions"])

    def _shares(self) -> dict[str, float]:
        weights = self.weights or dict.fromkeys(self.content_, 1.0)
        total = sum(weights[name] for name in self.content_)
        return {name: weights[name] / total for name in self.content_}

    def _near(self, rows: Mapping[str, Floats], count: int) -> Csr:
        """Return (count, n) weights of the warm items that are nearest to these rows."""
        warm = self.popularity_[:, None] > 0
        graphs = {}
        for name, content in self.content_.items():
            if name in rows:
                known = np.where(warm, content["rows"], np.float32(0))
                graphs[name] = knn_graph(rows[name], known, self.neighbours)
        return mix_graphs(graphs, self._shares(), (count, len(self.popularity_)))

    def _mean_of(self, near: Csr, table: Floats) -> Floats:
        rows = np.asarray(near @ table, np.float32)
        return normalize_rows(rows) if self.loss == "softmax" else rows

    def _keep(self, scales: Floats, output: GraphOutput) -> None:
        super()._keep(scales, output)
        cold = np.flatnonzero(self.popularity_ == 0)
        if len(cold) and self.content_:
            near = self._near({n: c["rows"][cold] for n, c in self.content_.items()}, len(cold))
            self.items_[cold] = self._mean_of(near, self.items_)
            self.reach_[cold] = near @ self.reach_
