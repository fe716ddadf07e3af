"""Parts of a score by scoring again without one item of the history."""

from __future__ import annotations

import numpy as np

from polyrec.contracts import Recommender
from polyrec.types import Floats, Ints, Query

HISTORY = "history"
"""The source of a part that can't be split by modality."""

_MAX_SCORES = 4_000_000  # held at once


def leave_one_out_parts(
    model: Recommender, query: Query, item: int, scores: Floats
) -> dict[tuple[int, str], float]:
    """Return {(history item, "history"): how far the score falls without it}.

    `scores` (1, n) are those of the whole history. Costs one question per item of the history.
    """
    score, step = float(scores[0, item]), max(1, _MAX_SCORES // max(1, scores.shape[1]))
    events = np.arange(len(query.items))
    parts: dict[tuple[int, str], float] = {}
    for start in range(0, len(events), step):
        batch = events[start : start + step]
        without = model.score(_without(query, batch))[:, item]
        parts |= {
            (int(query.items[event]), HISTORY): score - float(left)
            for event, left in zip(batch, without, strict=True)
        }
    return parts


def _without(query: Query, events: Ints) -> Query:
    """Return one question per event, with that event left out of the history."""
    count = len(query.items)
    kept = np.array([np.delete(np.arange(count), event) for event in events], np.int64)
    kept = kept.reshape(len(events) * (count - 1))
    starts = np.arange(len(events) + 1, dtype=np.int64) * (count - 1)
    users = np.repeat(query.users, len(events))
    return Query(users, starts, query.items[kept], query.weights[kept])
