"""Check the views and settings that aligners receive."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from polyrec.errors import ConfigError, FitError, nearest
from polyrec.types import Embeddings, Views


def check_settings(ridge: float, **widths: int | None) -> None:
    """Raise `ConfigError` unless the ridge is at least 0 and the widths are at least 1."""
    if not ridge >= 0:
        raise ConfigError("ridge is out of range", received=ridge, remedy="give 0 or more")
    for name, width in widths.items():
        if width is not None and width < 1:
            raise ConfigError(f"{name} is out of range", received=width, remedy="give 1 or more")


def zero_absent(views: Views) -> dict[str, Embeddings]:
    """Return copies of the views in the order of their names, absent rows set to 0.

    A present row that is not finite raises `FitError`.
    """
    copies = {}
    for name, view in sorted(views.items()):
        vectors = np.where(view.present[:, None], view.vectors, np.float32(0))
        if not np.isfinite(vectors).all():
            remedy = "flag such rows as absent"
            raise FitError("features are not finite", received=name, remedy=remedy)
        copies[name] = Embeddings(vectors, view.present.copy(), view.problems, view.space)
    return copies


def check_views(views: Views, widths: Mapping[str, int]) -> dict[str, Embeddings]:
    """Return `zero_absent(views)`; a view that `widths` (view -> d) lack raises `FitError`."""
    for name, view in views.items():
        if name not in widths:
            remedy = nearest(name, widths)
            raise FitError("a view unknown at fit", received=name, remedy=remedy)
        if view.width != widths[name]:
            remedy = f"encode it as at fit, {widths[name]} wide"
            raise FitError(
                f"{name} has another width than at fit", received=view.width, remedy=remedy
            )
    return zero_absent(views)
