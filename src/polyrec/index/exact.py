"""Compare with every vector: exact, and fast enough to some 200,000 items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from polyrec.index.topk import top_k
from polyrec.types import Bools, Floats, Ints

_BATCH_BYTES = 64 * 2**20  # scores held at once


@dataclass(frozen=True)
class ExactIndex:
    """The nearest of (n, d) vectors by cosine, dot product or Pearson correlation.

    >>> index = ExactIndex(np.eye(3, dtype=np.float32), np.array([True, True, False]))
    >>> index.search(np.array([[1, 2, 9]], np.float32), 3)[0]
    array([[ 1,  0, -1]])
    """

    vectors: Floats  # (n, d)
    present: Bools  # (n,) absent rows are never found
    metric: Literal["cosine", "dot", "pearson"] = "cosine"

    def search(self, queries: Floats, k: int) -> tuple[Ints, Floats]:
        """Return (b, k) rows, nearest first, and their scores; -1 pads, equals by number."""
        table = self._scaled(self.vectors).T
        step = max(1, _BATCH_BYTES // (4 * max(1, len(self.vectors))))
        found = []
        for start in range(0, max(1, len(queries)), step):
            scores = self._scaled(queries[start : start + step]) @ table
            scores[:, ~self.present] = -np.inf
            found.append(top_k(scores, k))
        return np.concatenate([i for i, _ in found]), np.concatenate([s for _, s in found])

    def _scaled(self, rows: Floats) -> Floats:
        if self.metric == "dot":
            return rows
        if self.metric == "pearson":
            rows = rows - rows.mean(axis=1, keepdims=True)
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.where(norms > 0, norms, 1), np.float32)
