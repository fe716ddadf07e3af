"""Who and what is near: items by content or by the model, users by what they did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from polyrec.database import feedback
from polyrec.database.database import Database
from polyrec.errors import nearest
from polyrec.index.topk import top_of_row
from polyrec.serve.responses import http_error
from polyrec.serve.state.history import History
from polyrec.serve.state.live import LiveState
from polyrec.serve.state.live_catalog import Filters
from polyrec.serve.state.serving_model import ServingModel
from polyrec.types import FUSED, Floats, Query

_ASKED = 100  # latest items of a user by which others are looked for
_FELLOWS = 200  # users that are compared


class Neighbours(NamedTuple):
    """What is near, nearest first, and by what: a view, "model" or "behaviour"."""

    ids: list[str]
    scores: list[float]
    source: str


def similar_items(
    live: LiveState, item_id: str, count: int, *, view: str, category: str
) -> Neighbours:
    """Return the shown items nearest to an item: cosine in a view, the fused one if none is named.

    An item without content there is compared by the model's scores; nothing is near an item that
    the model doesn't know.
    """
    model = live.model
    if view and view not in model.views:
        raise http_error(404, "no such view", received=view, remedy=nearest(view, model.views))
    row = model.rows.get(item_id)
    if row is None or live.is_deleted(item_id):
        return Neighbours([], [], "none")
    scores, source = _scores(model, row, view or FUSED)
    if scores is None:
        return Neighbours([], [], "none")
    hidden = live.hidden_rows(model, Filters((category,) if category else ()))
    scores[hidden[hidden < len(scores)]] = -np.inf
    if row < len(scores):
        scores[row] = -np.inf
    rows, values = top_of_row(scores, count)
    return Neighbours([model.ids[row] for row in rows.tolist()], values.tolist(), source)


def _scores(model: ServingModel, row: int, view: str) -> tuple[Floats | None, str]:
    if view in model.views and model.views[view].present[row]:
        return model.index(view).score(model.views[view].vectors[row : row + 1])[0], view
    if row < model.scored_count:
        return model.recommender.score(Query.of([[row]]))[0], "model"
    return None, "none"


def similar_users(database: Database, live: LiveState, user_id: str, count: int) -> Neighbours:
    """Return the users nearest to a user: the cosine of their weighted histories.

    Compared are the users who share most of the latest items.
    """
    own = live.history(user_id)
    if not own.items:
        return Neighbours([], [], "none")
    with database.read() as connection:
        asked = own.items[-_ASKED:]
        others = feedback.users_sharing_items(
            connection, user_id, asked, count=max(_FELLOWS, count)
        )
    weights = _weights(own)
    pairs = [(_cosine(weights, _weights(live.history(name))), name) for name in others]
    best = sorted(((s, n) for s, n in pairs if s > 0), key=lambda pair: (-pair[0], pair[1]))
    return Neighbours([name for _, name in best[:count]], [s for s, _ in best[:count]], "behaviour")


def _weights(history: History) -> Mapping[str, float]:
    return dict(zip(history.items, history.weights.tolist(), strict=True))


def _cosine(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    shared = sum(weight * second.get(item, 0.0) for item, weight in first.items())
    lengths = np.linalg.norm(list(first.values())) * np.linalg.norm(list(second.values()))
    return float(shared / lengths) if lengths > 0 else 0.0
