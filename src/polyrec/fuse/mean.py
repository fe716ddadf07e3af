"""Average views that share a space."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from polyrec.errors import FitError
from polyrec.fuse.concat import chosen, unit_rows
from polyrec.types import Embeddings, Interactions, Views


@dataclass
class WeightedMean:
    """The weighted mean of each item's present views, each at length 1; weights add up to 1.

    Where a modality is missing, the weights of the others are scaled up to add up to 1.

    >>> here, absent = np.ones(1, bool), np.zeros(1, bool)
    >>> row = np.array([[0, 1]], np.float32)
    >>> views = {"text": Embeddings(row, here), "image": Embeddings(row * 0, absent)}
    >>> WeightedMean().fit(views, None).fuse(views).vectors
    array([[0., 1.]], dtype=float32)
    """

    weights: dict[str, float] | None = None  # view -> weight >= 0; None: equal

    names_: tuple[str, ...] = field(init=False, repr=False, compare=False)
    width_: int = field(init=False, repr=False, compare=False)

    def fit(self, views: Views, train: Interactions) -> Self:  # noqa: ARG002 - nothing to learn
        """Check that the views have one width."""
        self.names_ = chosen(views, self.weights)
        widths = {name: views[name].width for name in self.names_}
        if len(set(widths.values())) > 1:
            remedy = "align them first (align.use: cca), or fuse.use: concat"
            raise FitError("views of different widths have no mean", received=widths, remedy=remedy)
        self.width_ = next(iter(widths.values()), 0)
        return self

    def fuse(self, views: Views) -> Embeddings:
        """Return (n, d) rows; views not given count as absent."""
        count = len(next(iter(views.values()))) if views else 0
        total = np.zeros((count, self.width_), np.float32)
        weight = np.zeros((count, 1), np.float32)
        for name in self.names_:
            if name in views:
                share = np.float32(1.0 if self.weights is None else self.weights[name])
                total += share * unit_rows(views[name].vectors, views[name].present)
                weight += share * views[name].present[:, None]
        present = weight[:, 0] > 0
        mean = np.asarray(total / np.where(weight > 0, weight, 1), np.float32)
        return Embeddings(mean, present)
