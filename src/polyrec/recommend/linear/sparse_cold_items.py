"""Cold items of a sparse item-item model: rows and columns of its weights as products of factors.

The dense models write a cold item's row and column into W (`cold_items`). Here they would fill a
sparse one: they are kept as factors (c, d) of maps that all cold items share.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from polyrec.recommend.linear.append_items import ColdItemState
from polyrec.recommend.linear.cold_items import ColdItemMaps, ViewRows, factors_at_length
from polyrec.types import Csr, Floats, Ints


class SparseColdItems(NamedTuple):
    """Cold items with rows = factors @ `mapped` and columns = `maps` @ columns'.

    `views` are the slices of d that belong to each view, so that every weight is a sum over views.
    """

    items: Ints  # (c,)
    state: ColdItemState  # of the items that were known at fit: maps'W, and how rows are scaled
    rows: Floats  # (c, d)
    maps: Floats  # (n0, d)
    square: Any  # (d, d) maps'maps, float64
    columns: Floats  # (c, d)
    crossing: Floats  # (d, d) from the rows of cold items to the columns of cold items
    views: dict[str, slice]

    @classmethod
    def of(
        cls, learned: ColdItemMaps, features: ViewRows, weights: Csr, cold: Ints, norms: Floats
    ) -> SparseColdItems:
        """Return the cold items of a fitted model; `norms` are of warm (columns, rows)."""
        state = ColdItemState.of(learned, features, weights, cold, float(norms[1]))
        maps = np.concatenate([learned[name]["column"] for name in learned], axis=1)
        square = maps.T.astype(np.float64) @ maps
        ends = np.cumsum([0, *(learned[name]["column"].shape[1] for name in learned)])
        views = {name: slice(int(ends[i]), int(ends[i + 1])) for i, name in enumerate(learned)}
        rows = {name: view[cold] for name, view in features.items()}
        columns = norms[0] * factors_at_length(learned, rows, square)
        crossing = state.maps.T @ maps
        return cls(cold, state, state.factors, maps, square, columns, crossing, views)

    def append(
        self, learned: ColdItemMaps, features: ViewRows, items: Ints, norms: Floats
    ) -> SparseColdItems:
        """Return these and further items."""
        rows = self.state.scaled(learned, features, float(norms[1]))
        columns = norms[0] * factors_at_length(learned, features, self.square)
        return self._replace(
            items=np.concatenate([self.items, items]),
            rows=np.concatenate([self.rows, rows]),
            columns=np.concatenate([self.columns, columns]),
        )

    def add_scores(self, scores: Floats, history: Csr) -> None:
        """Add what cold items in histories (b, n) say, and the scores (b, n) of cold items."""
        known = len(self.maps)
        cold = history[:, self.items].tocoo()
        passed = np.asarray(cold @ self.rows, np.float32)  # (b, d)
        if cold.nnz:
            scores[:, :known] += passed @ self.state.mapped
        reached = np.asarray(history[:, :known] @ self.maps, np.float32) + passed @ self.crossing
        scores[:, self.items] = reached @ self.columns.T
        row, entry = cold.coords  # no item speaks for itself
        own = np.einsum("ed,ed->e", self.rows[entry] @ self.crossing, self.columns[entry])
        scores[row, self.items[entry]] -= cold.data * own

    def to_item(self, item: int) -> dict[str, Floats]:
        """Return view -> (c,) weights from each cold item to a warm one."""
        return {
            name: self.rows[:, part] @ self.state.mapped[part, item]
            for name, part in self.views.items()
        }

    def column(self, entry: int, count: int) -> dict[str, Floats]:
        """Return view -> (count,) weights from all items to the cold item at this entry."""
        columns = {}
        for name, part in self.views.items():
            factors = self.columns[entry, part]
            column = np.zeros(count, np.float32)
            column[: len(self.maps)] = self.maps[:, part] @ factors
            column[self.items] = (self.rows @ self.crossing[:, part]) @ factors
            column[self.items[entry]] = 0
            columns[name] = column
        return columns
