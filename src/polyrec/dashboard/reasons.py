"""Reasons for a recommendation: the top history items, and the share of each source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyrec.explain import explain
from polyrec.generate.wording.facts import TopContributions, top_contributions
from polyrec.serve.state.history import History
from polyrec.serve.state.serving_model import ServingModel
from polyrec.types import Query

_MAX_HISTORY = 50  # latest items; a model without exact parts is called for each


@dataclass(frozen=True)
class Reason:
    """The positive contributions to an item's score, and the ids of their items."""

    because: tuple[str, ...]  # history items, the largest contribution first
    top: TopContributions


def recommendation_reason(
    model: ServingModel, history: History, item_id: str, *, user: int = -1
) -> Reason | None:
    """Return the reason for an item; None if the model has no score for it from this history."""
    row = model.rows.get(item_id, model.scored_count)
    scored = history.scored_items(model)
    rows, weights = scored.rows[-_MAX_HISTORY:], scored.weights[-_MAX_HISTORY:]
    query = Query(np.array([user]), np.array([0, len(rows)]), rows, weights)
    if row >= model.scored_count or not model.recommender.usable(query)[0]:
        return None
    train = model.bundle.behaviour["train"]
    top = top_contributions(explain(model.recommender, query, row, train))
    return Reason(tuple(model.ids[item] for item in top.items), top)
