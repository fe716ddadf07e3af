"""Concatenate the views, each row of each at length 1 times the view's weight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from polyrec.contracts import BasePart, learned, part
from polyrec.fuse.normalize import largest_is_one, normalize_views, view_weights
from polyrec.index.vectors import unit_rows
from polyrec.types import Embeddings, Interactions, Views

if TYPE_CHECKING:
    from polyrec.fuse.torch_modules import ConcatModule


@part
class Concat(BasePart):
    """Concatenate the views, each row of each at length 1 times the view's weight.

    A modality that an item lacks leaves its block at 0, and the other blocks are scaled up so that
    every row has length 1. So the dot product of two rows is

        sum over the views m of both of  w_m^2 cos_m / sqrt(s_i s_j),  s_i = sum w_m^2 of row i

    For items with the same modalities that is the weighted mean of their cosines, whatever they
    both lack. A modality that only one of them has lowers it, as it would in any fixed space: the
    same text gives 1 for two items without image, and sqrt(1/2) where one of them has an image. A
    row that is present but zero leaves its block at 0 too.

    >>> rows = np.array([[3, 4], [0, 2]], np.float32)
    >>> views = {"text": Embeddings(rows, np.ones(2, bool))}
    >>> Concat().fit(views, None).fuse(views).vectors
    array([[0.6, 0.8],
           [0. , 1. ]], dtype=float32)
    """

    weights: dict[str, float] | None = None  # view -> weight >= 0; None: equal

    weights_: dict[str, float] = learned()  # of the views that are read; the largest is 1
    widths_: dict[str, int] = learned()

    def fit(self, views: Views, train: Interactions) -> Self:  # noqa: ARG002 - nothing to learn
        """Remember the views, in the order of their names; the fused one is left out."""
        self.weights_ = largest_is_one(view_weights(views, self.weights))
        self.widths_ = {name: views[name].width for name in self.weights_}
        return self

    def fuse(self, views: Views) -> Embeddings:
        """Return (n, sum of widths) rows; a missing view is absent, an unknown one is not read."""
        count = len(next(iter(views.values()))) if views else 0
        present = np.zeros(count, bool)
        blocks = [np.empty((count, 0), np.float32)]
        for name, view in normalize_views(views, self.widths_).items():
            present |= view.present
            blocks.append(np.float32(self.weights_[name]) * view.vectors)
        return Embeddings(unit_rows(np.concatenate(blocks, axis=1), present), present)

    def torch_module(self) -> ConcatModule:
        """Return a module that maps {view: (b, d)} and {view: (b,) bool} to the rows of `fuse`."""
        from polyrec.fuse.torch_modules import ConcatModule

        return ConcatModule(self.weights_, self.widths_)

    def load_torch_module(self, module: Any) -> None:
        """Do nothing: such a module has no weights to train."""
