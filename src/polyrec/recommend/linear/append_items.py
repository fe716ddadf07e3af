"""Add items to item-item weights without reading all of them: what `_graft` does, column by column.

An item without behaviour has the row s'W, s = left @ maps' being the known items that it is like
(`newcomers.likeness`). `maps` is 0 at items that nobody took, so maps'W changes only where columns
are added, and is kept.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from polyrec.recommend.linear import cold_items
from polyrec.types import Bools, Floats, Ints

_AT_ONCE = 1024  # rows


class Grafts(NamedTuple):
    """What is known of the items without behaviour, the cold ones."""

    maps: Floats  # (n0, d) of all views side by side; items added later have none
    square: Any  # (d, d) maps'maps, float64
    passed: Floats  # (d, n) maps'W
    warm: Bools  # (n0,)
    cold: Ints  # (c,)
    left: Floats  # (c, d) their rows of W are left @ passed

    @classmethod
    def of(
        cls,
        learned: cold_items.Learned,
        rows: cold_items.Rows,
        weights: Floats,
        cold: Ints,
        norm: float,
    ) -> Grafts:
        """Return the grafts of a fitted model; costs n^2 d multiply-adds, once."""
        maps = np.concatenate([learned[name]["likeness"] for name in learned], axis=1)
        square = maps.T.astype(np.float64) @ maps
        warm = np.ones(len(maps), bool)
        warm[cold] = False
        none = np.zeros((0, maps.shape[1]), np.float32)
        grafts = cls(maps, square, maps.T @ weights, warm, cold, none)
        parts = (cold[start : start + _AT_ONCE] for start in range(0, len(cold), _AT_ONCE))
        left = [
            grafts.scaled(learned, {name: view[part] for name, view in rows.items()}, norm)
            for part in parts
        ]
        return grafts._replace(left=np.concatenate([none, *left]))

    def scaled(self, learned: cold_items.Learned, rows: cold_items.Rows, norm: float) -> Floats:
        """Return (c, d) factors of new rows; theirs of W have this norm over the warm columns."""
        left = cold_items.factors(learned, rows, self.square)
        across = (left @ self.passed[:, : len(self.warm)])[:, self.warm]
        lengths = np.linalg.norm(across, axis=1, keepdims=True)
        scale = np.where(lengths > 0, norm / np.where(lengths > 0, lengths, 1), 0)
        return np.asarray(left * scale, np.float32)

    def write(self, weights: Floats, columns: Floats, left: Floats) -> Grafts:
        """Write the last items' columns (n, c) and rows into the weights; return the new grafts.

        `left` (c, d) are their scaled factors. Where two cold items meet, the row counts.
        """
        count = columns.shape[1]
        fresh = np.arange(len(weights) - count, len(weights))
        passed = self.maps.T @ columns[: len(self.maps)]
        grown = self._replace(
            passed=np.concatenate([self.passed, passed], axis=1),
            cold=np.concatenate([self.cold, fresh]),
            left=np.concatenate([self.left, left]),
        )
        weights[:, fresh] = columns
        weights[fresh] = left @ grown.passed
        weights[np.ix_(self.cold, fresh)] = self.left @ passed
        weights[fresh, fresh] = 0
        return grown
