"""Put the views side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from polyrec.errors import FitError
from polyrec.types import FUSED, Bools, Embeddings, Floats, Interactions, Views


@dataclass
class Concat:
    """Concatenate the views, each row of each at length 1 times the view's weight.

    A modality that an item lacks leaves its block empty, and the blocks that are there are scaled
    up so that every row has length 1: the dot product of two rows is the weighted mean of their
    cosines over what both have, never pulled down by a zero that nobody saw.

    >>> rows = np.array([[3, 4], [0, 2]], np.float32)
    >>> views = {"text": Embeddings(rows, np.ones(2, bool))}
    >>> Concat().fit(views, None).fuse(views).vectors
    array([[0.6, 0.8],
           [0. , 1. ]], dtype=float32)
    """

    weights: dict[str, float] | None = None  # view -> weight >= 0; None: equal

    names_: tuple[str, ...] = field(init=False, repr=False, compare=False)
    widths_: dict[str, int] = field(init=False, repr=False, compare=False)

    def fit(self, views: Views, train: Interactions) -> Self:  # noqa: ARG002 - nothing to learn
        """Remember the views, in the order of their names."""
        self.names_ = chosen(views, self.weights)
        self.widths_ = {name: views[name].width for name in self.names_}
        return self

    def fuse(self, views: Views) -> Embeddings:
        """Return (n, sum of widths) rows; views not given count as absent."""
        count = len(next(iter(views.values()))) if views else 0
        blocks, presents = [np.empty((count, 0), np.float32)], []
        for name in self.names_:
            weight = 1.0 if self.weights is None else self.weights[name]
            absent = Embeddings(
                np.zeros((count, self.widths_[name]), np.float32), np.zeros(count, bool)
            )
            view = views.get(name, absent)
            blocks.append(np.float32(weight) * unit_rows(view.vectors, view.present))
            presents.append(view.present)
        joined = np.concatenate(blocks, axis=1)
        present = np.logical_or.reduce(presents) if presents else np.zeros(count, bool)
        return Embeddings(unit_rows(joined, present), present)


def chosen(views: Views, weights: Mapping[str, float] | None) -> tuple[str, ...]:
    """Return the names of the views that are fused, in order."""
    names = [name for name in sorted(views) if name != FUSED]
    if weights is None:
        return tuple(names)
    if set(weights) - set(names) or min(weights.values(), default=0) < 0:
        remedy = f"name views of {', '.join(names) or 'none'} with weights >= 0"
        raise FitError("weights don't fit the views", received=weights, remedy=remedy)
    return tuple(name for name in names if weights.get(name, 0) > 0)


def unit_rows(vectors: Floats, present: Bools) -> Floats:
    """Return rows of length 1; absent and zero rows are zero."""
    clean = np.where(present[:, None], vectors, 0)
    norms = np.linalg.norm(clean, axis=1, keepdims=True)
    return np.asarray(clean / np.where(norms > 0, norms, 1), np.float32)
