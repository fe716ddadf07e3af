"""Join rankings of the same items by their reciprocal ranks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from polyrec.index.topk import top_of_row
from polyrec.types import Floats

RANK_OFFSET = 2.0
"""The k of reciprocal rank fusion: the larger, the less the first ranks stand out."""


def fuse_ranks(
    rankings: Sequence[tuple[Floats, float]], *, depth: int, offset: float = RANK_OFFSET
) -> Floats:
    """Return (n,) the sum of w / (k + rank) over rankings, -inf for items that none of them has.

    Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009). A ranking is (n,) scores,
    -inf for items that it has not, and its weight w; its best `depth` items count. The sum is
    divided by its largest possible value: 1 for an item that is first in every ranking.

    >>> words = np.array([3, 2, -np.inf], np.float32)
    >>> content = np.array([.1, .9, .5], np.float32)
    >>> fuse_ranks([(words, 1), (content, 1)], depth=2, offset=1).round(2)
    array([0.5 , 0.83, 0.33], dtype=float32)
    """
    sums = np.zeros(len(rankings[0][0]), np.float32)
    present = np.zeros(len(sums), bool)
    for scores, weight in rankings:
        rows, _ = top_of_row(scores, depth)
        sums[rows] += weight / (offset + 1 + np.arange(len(rows)))
        present[rows] = True
    largest = sum(weight for _, weight in rankings) / (offset + 1)
    fused = np.where(present, sums / max(largest, 1e-9), -np.inf)
    return np.asarray(fused, np.float32)
