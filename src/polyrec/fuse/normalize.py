"""Choose the views to fuse, and bring their rows to length 1."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from polyrec.errors import FitError
from polyrec.index.vectors import unit_rows
from polyrec.types import FUSED, Embeddings, Views


def view_weights(views: Views, weights: Mapping[str, float] | None) -> dict[str, float]:
    """Return view -> weight over 0, by name; without weights every view but the fused has 1.

    A view that the weights don't name is left out. Weights that name no view, are negative, not
    finite, or leave nothing to fuse raise `FitError`.
    """
    names = [name for name in sorted(views) if name != FUSED]
    settings = dict.fromkeys(names, 1.0) if weights is None else weights
    kept = {name: settings[name] for name in names if settings.get(name, 0) > 0}
    valid = all(0 <= weight < math.inf for weight in settings.values())
    if set(settings) - set(names) or not valid or (names and not kept):
        remedy = f"name views of {', '.join(names) or 'none'} with weights >= 0, one over 0"
        raise FitError("weights don't fit the views", received=dict(settings), remedy=remedy)
    return kept


def largest_is_one(weights: Mapping[str, float]) -> dict[str, float]:
    """Return the weights divided by the largest."""
    largest = max(weights.values(), default=1.0)
    return {name: weight / largest for name, weight in weights.items()}


def normalize_views(views: Views, widths: Mapping[str, int]) -> dict[str, Embeddings]:
    """Return the views of `widths`, each row at length 1; a missing view is absent for all items.

    A view of another width than at fit, or with a present row that is not finite, raises
    `FitError`.
    """
    count = len(next(iter(views.values()))) if views else 0
    units = {}
    for name, width in widths.items():
        absent = Embeddings(np.zeros((count, width), np.float32), np.zeros(count, bool))
        view = views.get(name, absent)
        if view.width != width:
            remedy = f"align it as at fit, {width} wide"
            raise FitError(
                f"{name} has another width than at fit", received=view.width, remedy=remedy
            )
        rows = unit_rows(view.vectors, view.present)
        if not np.isfinite(rows).all():
            remedy = "flag such rows as absent"
            raise FitError("features are not finite", received=name, remedy=remedy)
        units[name] = Embeddings(rows, view.present)
    return units
