"""Similar items by content or by the model, similar users by their histories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from polyrec.database import feedback
from polyrec.database.database import Database
from polyrec.errors import nearest
from polyrec.index.filters import NO_FILTERS, Filters
from polyrec.serve.ranking.visible import best_ids, hide_rows, rows_of_model
from polyrec.serve.responses import http_error
from polyrec.serve.state.history import History
from polyrec.serve.state.live import LiveState
from polyrec.serve.state.serving_model import ServingModel
from polyrec.types import FUSED, Floats, Query

_LATEST = 100  # latest items of a user by which candidates are found
_CANDIDATES = 200  # users that are compared


class Neighbours(NamedTuple):
    """Ids, nearest first, and what was compared: a view, "model", "behaviour" or "none"."""

    ids: list[str]
    scores: list[float]
    source: str


_NONE = Neighbours([], [], "none")


def similar_items(
    live: LiveState,
    item_id: str,
    count: int,
    *,
    view: str,
    filters: Filters = NO_FILTERS,
    exclude: Sequence[str] = (),
) -> Neighbours:
    """Return the visible items nearest to an item by cosine in a view, by default the fused one.

    An item without content there is compared by the model's scores. An item that the model knows
    nothing of has no neighbours.
    """
    model = live.model
    if view:
        check_view(model, view)
    row = model.rows.get(item_id)
    if row is None or live.is_deleted(item_id):
        return _NONE
    scores, source = _similarities(model, row, view or FUSED)
    if scores is None:
        return _NONE
    hide_rows(scores, live.hidden_rows(model, filters))
    hide_rows(scores, rows_of_model(model, [item_id, *exclude]))
    return Neighbours(*best_ids(model, scores, count), source)


def check_view(model: ServingModel, view: str) -> None:
    """Refuse a view that the model has not, with 404."""
    if view not in model.views:
        raise http_error(404, "no such view", received=view, remedy=nearest(view, model.views))


def _similarities(model: ServingModel, row: int, view: str) -> tuple[Floats | None, str]:
    if view in model.views and model.views[view].present[row]:
        return model.content.score(view, model.views[view].vectors[row : row + 1]), view
    query = Query.of([[row]])
    if row < model.scored_count and model.recommender.usable(query)[0]:
        return model.recommender.score(query)[0], "model"
    return None, "none"


def similar_users(database: Database, live: LiveState, user_id: str, count: int) -> Neighbours:
    """Return the users nearest to a user by the cosine of their weighted histories.

    Compared are the users who share most of the user's latest items.
    """
    history = live.history(user_id)
    if not history.items:
        return _NONE
    with database.read() as connection:
        candidates = feedback.users_sharing_items(
            connection, user_id, history.items[-_LATEST:], count=max(_CANDIDATES, count)
        )
    weights = _weights(history)
    pairs = [(_cosine(weights, _weights(live.history(name))), name) for name in candidates]
    best = sorted(((s, n) for s, n in pairs if s > 0), key=lambda pair: (-pair[0], pair[1]))
    return Neighbours([name for _, name in best[:count]], [s for s, _ in best[:count]], "behaviour")


def _weights(history: History) -> Mapping[str, float]:
    return dict(zip(history.items, history.weights.tolist(), strict=True))


def _cosine(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    dot = sum(weight * second.get(item, 0.0) for item, weight in first.items())
    lengths = np.linalg.norm(list(first.values())) * np.linalg.norm(list(second.values()))
    return float(np.clip(dot / lengths, -1, 1)) if lengths > 0 else 0.0  # rounding passes 1
