"""Average views of one width, with weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from polyrec.contracts import BasePart, learned, part
from polyrec.errors import FitError
from polyrec.fuse.normalize import largest_is_one, normalize_views, view_weights
from polyrec.types import Embeddings, Interactions, Views

if TYPE_CHECKING:
    from polyrec.fuse.torch_modules import MeanModule


@part
class WeightedMean(BasePart):
    """The weighted mean of each item's present views, each at length 1; weights add up to 1.

    Where a modality is missing, the weights of the others are scaled up to add up to 1.

    >>> row, present = np.array([[0, 1]], np.float32), np.ones(1, bool)
    >>> views = {"text": Embeddings(row, present), "image": Embeddings(row * 0, ~present)}
    >>> WeightedMean().fit(views, None).fuse(views).vectors
    array([[0., 1.]], dtype=float32)
    """

    weights: dict[str, float] | None = None  # view -> weight >= 0; None: equal
    lengths: Literal["unit", "given"] = "unit"  # given: rows are weighted by their length

    weights_: dict[str, float] = learned()  # of the views that are read; the largest is 1
    width_: int = learned()

    def fit(self, views: Views, train: Interactions) -> Self:  # noqa: ARG002 - nothing to learn
        """Remember the views but the fused one; different widths raise `FitError`."""
        self.weights_ = largest_is_one(view_weights(views, self.weights))
        widths = {name: views[name].width for name in self.weights_}
        if len(set(widths.values())) > 1:
            remedy = "align them first (align.use: cca), or fuse.use: concat"
            raise FitError("views of different widths have no mean", received=widths, remedy=remedy)
        self.width_ = next(iter(widths.values()), 0)
        return self

    def fuse(self, views: Views) -> Embeddings:
        """Return (n, d) rows; a missing view is absent, an unknown one is not read."""
        count = len(next(iter(views.values()))) if views else 0
        present = np.zeros(count, bool)
        total = np.zeros((count, self.width_), np.float32)
        weight = np.zeros((count, 1))
        for name, view in normalize_views(views, dict.fromkeys(self.weights_, self.width_)).items():
            present |= view.present
            share = self.weights_[name] * view.present[:, None]
            if self.lengths == "given" and name in views:
                rows = np.where(view.present[:, None], views[name].vectors, 0)
                share = share * np.linalg.norm(rows, axis=1, keepdims=True)
            total += share.astype(np.float32) * view.vectors
            weight += share
        mean = total / np.where(weight > 0, weight, 1)
        return Embeddings(np.asarray(mean, np.float32), present)

    def torch_module(self) -> MeanModule:
        """Return a module that maps {view: (b, d)} and {view: (b,) bool} to the rows of `fuse`."""
        from polyrec.fuse.torch_modules import MeanModule

        return MeanModule(self.weights_, self.width_, self.lengths)

    def load_torch_module(self, module: Any) -> None:
        """Do nothing: such a module has no weights to train."""
