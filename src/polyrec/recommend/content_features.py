"""The content that a recommender reads: the items' views as rows of length 1."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from polyrec.errors import FitError
from polyrec.types import FUSED, Embeddings, Floats, Views


def readable(items: Views) -> list[str]:
    """Return the views that some item has, the fused one left out."""
    return sorted(n for n, view in items.items() if n != FUSED and view.present.any())


def check_weights(weights: Mapping[str, float] | None, items: Views) -> None:
    """Raise `FitError` unless the weights name existing views, each with a number of at least 0.

    A view that no item has is no mistake.
    """
    valid = weights is None or all(0 <= weight < math.inf for weight in weights.values())
    if not valid or set(weights or {}) - set(items):
        remedy = f"name views of {', '.join(sorted(items)) or 'none'} with weights >= 0"
        raise FitError("weights don't fit the views", received=weights, remedy=remedy)


def content_means(items: Views) -> dict[str, Floats]:
    """Return the mean row of each view that is read: the fused one where there is one, else all."""
    fused = FUSED in items and items[FUSED].present.any()
    names = [FUSED] if fused else readable(items)
    return {name: items[name].vectors[items[name].present].mean(axis=0) for name in names}


def content_rows(items: Views, means: Mapping[str, Floats], count: int) -> Floats:
    """Return (count, sum of d) the views side by side, each as `centred_rows`.

    A view that was read at fit and is missing, or has another width, raises `FitError`.
    """
    blocks = [np.zeros((count, 0), np.float32)]
    for name, mean in means.items():
        if name not in items:
            raise FitError("a view is missing", received=sorted(items), remedy=f"give {name}")
        if items[name].width != len(mean):
            remedy = f"encode and fuse it as at fit, {len(mean)} wide"
            raise FitError(f"{name} has another width", received=items[name].width, remedy=remedy)
        blocks.append(centred_rows(items[name], mean))
    return np.concatenate(blocks, axis=1)


def centred_rows(view: Embeddings, mean: Floats) -> Floats:
    """Return (n, d) centred rows of length 1; absent ones are 0."""
    centred = view.vectors - mean
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    # a row that is the mean leaves rounding, which is no content
    lengths = np.linalg.norm(np.where(view.present[:, None], view.vectors, 0), axis=1)
    unit = np.where(norms > 1e-6 * lengths[:, None], centred, 0) / np.where(norms > 0, norms, 1)
    return np.asarray(np.where(view.present[:, None], unit, 0), np.float32)
