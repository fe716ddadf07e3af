"""Append cold items to item-item weights without reading all of them.

A cold item has the row s'W, s = factors @ maps' being the warm items that represent it
(`cold_items.similarity`). `maps` is 0 at items that nobody took, so maps'W changes only where
columns are added, and is kept.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from polyrec.recommend.linear.cold_items import ColdItemMaps, ViewRows, similarity_factors
from polyrec.types import Bools, Floats, Ints

_BATCH = 1024  # rows


class ColdItemState(NamedTuple):
    """The cold items of a fitted model, and what appending another one needs."""

    maps: Floats  # (n0, d) of all views side by side; items added later have none
    square: Any  # (d, d) maps'maps, float64
    mapped: Floats  # (d, n) maps'W
    warm: Bools  # (n0,)
    cold: Ints  # (c,)
    factors: Floats  # (c, d) their rows of W are factors @ mapped

    @classmethod
    def of(
        cls, learned: ColdItemMaps, rows: ViewRows, weights: Floats, cold: Ints, norm: float
    ) -> ColdItemState:
        """Return the state of a fitted model; costs n^2 d multiply-adds, once."""
        maps = np.concatenate([learned[name]["similarity"] for name in learned], axis=1)
        square = maps.T.astype(np.float64) @ maps
        warm = np.ones(len(maps), bool)
        warm[cold] = False
        empty = np.zeros((0, maps.shape[1]), np.float32)
        state = cls(maps, square, maps.T @ weights, warm, cold, empty)
        batches = (cold[start : start + _BATCH] for start in range(0, len(cold), _BATCH))
        factors = [
            state.scaled(learned, {name: view[batch] for name, view in rows.items()}, norm)
            for batch in batches
        ]
        return state._replace(factors=np.concatenate([empty, *factors]))

    def scaled(self, learned: ColdItemMaps, rows: ViewRows, norm: float) -> Floats:
        """Return (c, d) factors of new rows; their rows of W have this norm over warm columns."""
        factors = similarity_factors(learned, rows, self.square)
        across = (factors @ self.mapped[:, : len(self.warm)])[:, self.warm]
        lengths = np.linalg.norm(across, axis=1, keepdims=True)
        scale = np.where(lengths > 0, norm / np.where(lengths > 0, lengths, 1), 0)
        return np.asarray(factors * scale, np.float32)

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
