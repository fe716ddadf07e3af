"""Parts of a score that is a weighted sum over the history."""

from __future__ import annotations

from polyrec.contracts import LinearInHistory
from polyrec.types import Interactions, Query


def additive(
    model: LinearInHistory, query: Query, item: int, train: Interactions
) -> dict[tuple[int, str], float]:
    """Return {(history item, behaviour or modality): part}; they add up to the score.

    score_ui = sum_j r_j W_ji, and W_:i is a sum of columns, one per source
    (`weight_contributions`).
    """
    sources = model.weight_contributions(item, train)
    return {
        (int(other), source): float(weight * column[other])
        for other, weight in zip(query.items, query.weights, strict=True)
        for source, column in sources.items()
    }
