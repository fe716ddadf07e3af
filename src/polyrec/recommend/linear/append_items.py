"""Append cold items to item-item weights without reading all of them.

A cold item has the row s'W, s = factors @ maps' being the warm items that represent it
(`cold_items.similarity`). `maps` is 0 at items that nobody took, so maps'W changes only where
columns are added, and is kept.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from polyrec.recommend.linear.cold_items import (
    ColdItemMaps,
    ViewRows,
    at_length,
    factors_at_length,
)
from polyrec.types import Bools, Csr, Floats, Ints


class ColdItemState(NamedTuple):
    """The cold items of a fitted model, and what appending another one needs."""

    maps: Floats  # (n0, d) of all views side by side; items added later have none
    square: Any  # (d, d) maps'maps, float64
    mapped: Floats  # (d, n) maps'W
    across: Any  # (d, d) BB', float64, B being `mapped` at the warm columns
    warm: Bools  # (n0,)
    cold: Ints  # (c,)
    factors: Floats  # (c, d) their rows of W are factors @ mapped

    @classmethod
    def of(
        cls, learned: ColdItemMaps, rows: ViewRows, weights: Floats | Csr, cold: Ints, norm: float
    ) -> ColdItemState:
        """Return the state of a fitted model; costs n^2 d multiply-adds, once."""
        maps = np.concatenate([learned[name]["similarity"] for name in learned], axis=1)
        square = maps.T.astype(np.float64) @ maps
        warm = np.ones(len(maps), bool)
        warm[cold] = False
        mapped = maps.T @ weights
        columns = mapped[:, warm].astype(np.float64)
        empty = np.zeros((0, maps.shape[1]), np.float32)
        state = cls(maps, square, mapped, columns @ columns.T, warm, cold, empty)
        return state._replace(
            factors=state.scaled(learned, {name: view[cold] for name, view in rows.items()}, norm)
        )

    def scaled(self, learned: ColdItemMaps, rows: ViewRows, norm: float) -> Floats:
        """Return (c, d) factors of new rows; their rows of W have this norm over warm columns."""
        factors = factors_at_length(learned, rows, self.square).astype(np.float64)
        return np.asarray(norm * at_length(factors, self.across), np.float32)

    def append(self, weights: Floats, columns: Floats, factors: Floats) -> ColdItemState:
        """Write the last items' columns (n, c) and rows into the weights; return the new state.

        `factors` (c, d) are their scaled ones. Where two cold items meet, the row counts.
        """
        count = columns.shape[1]
        fresh = np.arange(len(weights) - count, len(weights))
        mapped = self.maps.T @ columns[: len(self.maps)]
        grown = self._replace(
            mapped=np.concatenate([self.mapped, mapped], axis=1),
            cold=np.concatenate([self.cold, fresh]),
            factors=np.concatenate([self.factors, factors]),
        )
        weights[:, fresh] = columns
        weights[fresh] = factors @ grown.mapped
        weights[np.ix_(self.cold, fresh)] = self.factors @ mapped
        weights[fresh, fresh] = 0
        return grown
