"""Why an item is recommended: the items of the history that give most, and each source's share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyrec.explain import explain
from polyrec.serve.state.history import History
from polyrec.serve.state.serving_model import ServingModel
from polyrec.types import Explanation, Query

_LATEST = 50  # items of a history that a model without parts is asked about
_NAMED = 3


@dataclass(frozen=True)
class Reason:
    """What speaks for an item."""

    because: tuple[str, ...]  # items of the history, the strongest first
    shares: tuple[tuple[str, float], ...]  # source -> share of what speaks for it, adding up to 1
    exact: bool


def reason(model: ServingModel, history: History, item_id: str, *, user: int = -1) -> Reason | None:
    """Return why, None where the model has no score for the item from this history."""
    row = model.rows.get(item_id, model.scored_count)
    known = history.scored_items(model)
    rows, weights = known.rows[-_LATEST:], known.weights[-_LATEST:]
    if row >= model.scored_count or not weights.any():
        return None
    query = Query(np.array([user]), np.array([0, len(rows)]), rows, weights)
    train = model.bundle.behaviour["train"]
    return _told(model, explain(model.recommender, query, row, train))


def _told(model: ServingModel, found: Explanation) -> Reason:
    best = [item for item, parts in found.by_item() if sum(parts.values()) > 0]
    # what speaks against an item explains no recommendation
    sources: dict[str, float] = {}
    for (_, source), part in found.parts.items():
        sources[source] = sources.get(source, 0.0) + max(0.0, part)
    total = sum(sources.values())
    shares = sorted(sources.items(), key=lambda pair: -pair[1])
    return Reason(
        tuple(model.ids[item] for item in best[:_NAMED]),
        tuple((name, part / total) for name, part in shares if part > 0.005 * total),
        found.exact,
    )
