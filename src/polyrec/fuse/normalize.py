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
    given = dict.fromkeys(names, 1.0) if weights is None else weights
    kept = {name: given[name] for name in names if given.get(name, 0) > 0}
    fits = all(0 <= weight < math.inf for weight in given.values())
    if set(given) - set(names) or not fits or (names and not kept):
        remedy = f"name views of {', '.join(names) or 'none'} with weights >= 0, one over 0"
        raise FitError("weights don't fit the views", received=dict(given), remedy=remedy)
    return kept


def normalize_views(views: Views, widths: Mapping[str, int]) -> dict[str, Embeddings]:
    """Return the views that were there at fit, each row at length 1; one not given is absent.

    A view of another width than at fit, or with a present row that is not finite, raises
    `FitError`.
    """
    count = len(next(iter(views.values()))) if views else 0
    found = {}
    for name, width in widths.items():
        absent = Embeddings(np.zeros((count, width), np.float32), np.zeros(count, bool))
        view = views.get(name, absent)
        if view.width != width:
            remedy = f"align it as at fit, {width} wide"
            raise FitError(
                f"{name} has another width than at fit", received=view.width, remedy=remedy
            )
        unit = unit_rows(view.vectors, view.present)
        if not np.isfinite(unit).all():
            remedy = "flag such rows as absent"
            raise FitError("features are not finite", received=name, remedy=remedy)
        found[name] = Embeddings(unit, view.present)
    return found
