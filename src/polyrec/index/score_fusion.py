"""Join rankings of the same items by their scores, or by their ranks where scores mean nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from polyrec.index.topk import top_of_row
from polyrec.types import Floats

_RANK_OFFSET = 60  # as reciprocal rank fusion has it: Cormack, Clarke and Büttcher, SIGIR 2009


def add_scores(rankings: Sequence[tuple[Floats, float]], *, depth: int) -> Floats:
    """Return (n,) the weighted mean of rankings by `scale_scores`, -inf for items in none.

    A convex combination (Bruch, Gai and Ingber, TOIS 2023). A ranking is (n,) scaled scores and its
    weight; its best `depth` items are listed. 1 is an item that is first in every ranking.

    >>> words = scale_scores(np.array([4, 2, -np.inf]))
    >>> content = scale_scores(np.array([0.1, 0.9, 0.5]), floor=0.5)
    >>> add_scores([(words, 1), (content, 3)], depth=2).round(3)
    array([-0.5  ,  0.875,  0.   ], dtype=float32)
    """
    sums = np.zeros(len(rankings[0][0]), np.float32)
    listed = np.zeros(len(sums), bool)
    for scores, weight in rankings:
        rows = top_of_row(scores, depth)[0]
        listed[rows] = True
        sums += weight * np.where(scores > -np.inf, scores, 0)
    sums /= max(sum(weight for _, weight in rankings), 1e-9)
    return np.asarray(np.where(listed, sums, -np.inf), np.float32)


def scale_scores(scores: Floats, *, floor: float = 0.0) -> Floats:
    """Return (n,) scores that are 0 at the floor and 1 for the best item, -inf as they are."""
    best = scores.max(initial=-np.inf)
    if best <= floor:  # nothing, or nothing above the floor
        return np.asarray(np.where(scores > -np.inf, 0, -np.inf), np.float32)
    return np.asarray((scores - floor) / (best - floor), np.float32)


def discount_ranks(scores: Floats) -> Floats:
    """Return (n,) k / (k + rank) by descending scores, 0 for those of -inf; k is 60, rank from 0.

    >>> discount_ranks(np.array([0.2, 0.9, -np.inf])).round(3)
    array([0.984, 1.   , 0.   ], dtype=float32)
    """
    listed = np.flatnonzero(scores > -np.inf)
    order = listed[np.argsort(-scores[listed], kind="stable")]
    discounts = np.zeros(len(scores), np.float32)
    discounts[order] = _RANK_OFFSET / (_RANK_OFFSET + np.arange(len(order)))
    return discounts
