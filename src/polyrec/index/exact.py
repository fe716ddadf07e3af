"""Exact nearest neighbours by brute force, fast enough for some 200,000 items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from polyrec.errors import ConfigError, FitError, nearest
from polyrec.index.topk import top_k
from polyrec.index.vectors import row_lengths, unit_rows
from polyrec.types import Bools, Floats, Ints

_BATCH_BYTES = 64 * 2**20  # scores held at once


@dataclass(frozen=True)
class ExactIndex:
    """The nearest of (n, d) vectors by cosine, dot product or Pearson correlation.

    A zero row, for Pearson a constant one, scores 0. Memory besides the vectors: a scaled copy of
    them, made by the first search, and twice 64 MiB of scores (or 8 n bytes, if that is more) for
    any number of queries.

    >>> index = ExactIndex(np.eye(3, dtype=np.float32), np.array([True, True, False]))
    >>> index.search(np.array([[1, 2, 9]], np.float32), 3)[0]
    array([[ 1,  0, -1]])
    """

    vectors: Floats  # (n, d)
    present: Bools  # (n,) absent rows are never returned
    metric: Literal["cosine", "dot", "pearson"] = "cosine"

    def search(self, queries: Floats, k: int) -> tuple[Ints, Floats]:
        """Return (b, k) rows, nearest first, and their scores; -1 at -inf pads.

        Equal scores go to the lower row. Queries of another width, and NaN, raise `FitError`.
        """
        if queries.shape[1] != self.vectors.shape[1]:
            remedy = f"give vectors {self.vectors.shape[1]} wide"
            raise FitError("queries of another width", received=queries.shape, remedy=remedy)
        step = max(1, _BATCH_BYTES // (4 * max(1, len(self.vectors))))
        starts = range(0, max(1, len(queries)), step)
        lists = [top_k(self.score(queries[start : start + step]), k) for start in starts]
        return np.concatenate([i for i, _ in lists]), np.concatenate([s for _, s in lists])

    def score(self, queries: Floats) -> Floats:
        """Return (b, n) the similarity to every vector, -inf for absent rows."""
        scores = self._scale(queries) @ self._table.T
        if self.metric != "dot":
            np.clip(scores, -1, 1, out=scores)  # rounding passes 1
        scores[:, ~self.present] = -np.inf
        return scores

    @cached_property
    def _table(self) -> Floats:
        """Return the (n, d) scaled rows; absent ones are 0."""
        return self._scale(np.where(self.present[:, None], self.vectors, np.float32(0)))

    def _scale(self, rows: Floats) -> Floats:
        if self.metric not in _SCALES:
            remedy = nearest(self.metric, _SCALES)
            raise ConfigError("unknown metric", received=self.metric, remedy=remedy)
        return _SCALES[self.metric](rows)


def _identity(rows: Floats) -> Floats:
    return rows


def _centred_unit(rows: Floats) -> Floats:
    """Return the rows less their mean, at length 1; constant rows are zero."""
    centred = rows - rows.sum(axis=1, keepdims=True, dtype=np.float64) / max(1, rows.shape[1])
    # what is left of a constant row is rounding
    return unit_rows(np.where(row_lengths(centred) > 1e-7 * row_lengths(rows), centred, 0))


_SCALES: dict[str, Callable[[Floats], Floats]] = {
    "cosine": unit_rows,
    "dot": _identity,
    "pearson": _centred_unit,
}
