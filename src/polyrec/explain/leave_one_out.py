"""Parts of a score by asking again without one item of the history."""

from __future__ import annotations

import numpy as np

from polyrec.contracts import Recommender
from polyrec.types import Floats, Query

WHOLE = "history"
"""The source of a part that can't be split by modality."""

_CELLS = 4_000_000  # scores held at once


def leave_one_out(
    model: Recommender, query: Query, item: int, scores: Floats
) -> dict[tuple[int, str], float]:
    """Return {(history item, "history"): how far the score falls without it}.

    `scores` (1, n) are those of the whole. Costs one question per item of the history.
    """
    whole, step = float(scores[0, item]), max(1, _CELLS // max(1, scores.shape[1]))
    places = np.arange(len(query.items))
    parts: dict[tuple[int, str], float] = {}
    for start in range(0, len(places), step):
        some = places[start : start + step]
        without = model.score(_without(query, some))[:, item]
        parts |= {
            (int(query.items[place]), WHOLE): whole - float(left)
            for place, left in zip(some, without, strict=True)
        }
    return parts


def _without(query: Query, places: np.ndarray) -> Query:
    """Return one question per place, with that item of the history left out."""
    count = len(query.items)
    kept = np.array([[p for p in range(count) if p != place] for place in places], np.int64)
    kept = kept.reshape(len(places) * (count - 1))
    starts = np.arange(len(places) + 1, dtype=np.int64) * (count - 1)
    users = np.repeat(query.users, len(places))
    return Query(users, starts, query.items[kept], query.weights[kept])
