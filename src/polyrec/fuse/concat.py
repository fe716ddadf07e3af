"""Put the views side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from polyrec.fuse.normalize import normalize_views, view_weights
from polyrec.index.vectors import unit_rows
from polyrec.types import Embeddings, Interactions, Views


@dataclass
class Concat:
    """Concatenate the views, each row of each at length 1 times the view's weight.

    A modality that an item lacks leaves its block empty, and the blocks that are there are scaled
    up so that every row has length 1. So the dot product of two rows is

        sum over the views m of both of  w_m^2 cos_m / sqrt(s_i s_j),  s_i = sum w_m^2 of row i

    For items with the same modalities that is the weighted mean of their cosines, whatever they
    both lack. What only one of them has counts as unlike, as it would in any fixed space: the same
    text gives 1 to two items without image, and sqrt(1/2) where one of them has an image. A row
    that is present but zero says nothing; its block stays empty too.

    >>> rows = np.array([[3, 4], [0, 2]], np.float32)
    >>> views = {"text": Embeddings(rows, np.ones(2, bool))}
    >>> Concat().fit(views, None).fuse(views).vectors
    array([[0.6, 0.8],
           [0. , 1. ]], dtype=float32)
    """

    weights: dict[str, float] | None = None  # view -> weight >= 0; None: equal

    weights_: dict[str, float] = field(init=False, repr=False, compare=False)  # of those read
    widths_: dict[str, int] = field(init=False, repr=False, compare=False)

    def fit(self, views: Views, train: Interactions) -> Self:  # noqa: ARG002 - nothing to learn
        """Remember the views, in the order of their names; the fused one is left out."""
        weights = view_weights(views, self.weights)
        largest = max(weights.values(), default=1.0)
        self.weights_ = {name: weight / largest for name, weight in weights.items()}
        self.widths_ = {name: views[name].width for name in weights}
        return self

    def fuse(self, views: Views) -> Embeddings:
        """Return (n, sum of widths) rows; views not given are absent, unknown ones not read."""
        count = len(next(iter(views.values()))) if views else 0
        present = np.zeros(count, bool)
        blocks = [np.empty((count, 0), np.float32)]
        for name, view in normalize_views(views, self.widths_).items():
            present |= view.present
            blocks.append(np.float32(self.weights_[name]) * view.vectors)
        return Embeddings(unit_rows(np.concatenate(blocks, axis=1), present), present)
