"""Explain a score: exactly where the model is linear in the history, else by leaving out."""

from __future__ import annotations

from polyrec.contracts import LinearInHistory, Recommender
from polyrec.errors import DataError
from polyrec.explain.additive import additive
from polyrec.explain.leave_one_out import leave_one_out_parts
from polyrec.explanation import Explanation
from polyrec.types import Interactions, Query


def explain(model: Recommender, query: Query, item: int, train: Interactions) -> Explanation:
    """Return what each item of one question's history contributes to the score of `item`.

    A model that is `LinearInHistory` is explained exactly; `train` is what it was fitted on. For
    others an item's part is how far the score falls when it is left out of the history; these parts
    need not add up to the score, and `exact` is False.

    The baseline is what the score is without the history: all of it where the history is unusable
    or has no weight for the item (out of a sparse model's reach), else 0.
    """
    if len(query) != 1:
        raise DataError("one question at a time", received=len(query), remedy="use query.take")
    scores = model.score(query)
    if not 0 <= item < scores.shape[1]:
        raise DataError("no such item", received=item, remedy=f"items are 0..{scores.shape[1] - 1}")
    score = float(scores[0, item])
    exact = isinstance(model, LinearInHistory)
    if not model.usable(query)[0]:
        return Explanation(item, score, {}, score, exact)
    if isinstance(model, LinearInHistory):
        parts = additive(model, query, item, train)
    else:
        parts = leave_one_out_parts(model, query, item, scores)
    baseline = 0.0 if any(parts.values()) else score
    return Explanation(item, score, parts, baseline, exact)
