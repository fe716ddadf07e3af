"""Choose how to explain by what the model can tell."""

from __future__ import annotations

import numpy as np

from polyrec.contracts import LinearInHistory, Recommender
from polyrec.errors import DataError
from polyrec.explain.additive import additive
from polyrec.explain.leave_one_out import leave_one_out
from polyrec.types import Explanation, Interactions, Query


def explain(model: Recommender, query: Query, item: int, train: Interactions) -> Explanation:
    """Return what each item of one question's history gives to the score of `item`.

    A model with `weight_contributions(item, train)` is linear in the history and explained exactly;
    `train` is what it was fitted on. For others an item's part is how far the score falls when it
    is left out of the history, which need not add up: `exact` says so.
    """
    if len(query) != 1:
        raise DataError("one question at a time", received=len(query), remedy="use query.take")
    scores = model.score(query)
    if not 0 <= item < scores.shape[1]:
        raise DataError("no such item", received=item, remedy=f"items are 0..{scores.shape[1] - 1}")
    total = float(scores[0, item])
    exact = isinstance(model, LinearInHistory)
    if isinstance(model, LinearInHistory) and len(query.items):
        parts = additive(model, query, item, train)
    else:
        parts = leave_one_out(model, query, item, scores)
    baseline = total - float(np.sum(list(parts.values())))
    return Explanation(item, total, parts, baseline, exact)
