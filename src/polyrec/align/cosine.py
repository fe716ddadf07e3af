"""Project the views by CCA, and weight each row by its cosine to an anchor view."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from polyrec.align.anchor import choose_anchor
from polyrec.align.base import AffineAligner, zero_absent
from polyrec.align.cca import CCA
from polyrec.contracts import learned, part
from polyrec.types import Bools, Embeddings, Floats, Interactions, Views

if TYPE_CHECKING:
    from polyrec.align.torch_modules import CosineModule


@part
class CosineWeighted(AffineAligner):
    """Rows of length max(0, cos(x_m, x_anchor)), once all views lie in CCA's shared space.

    A picture that does not match the text gets a small weight. An item without the anchor gets the
    view's mean weight; the anchor's own rows have length 1. Fuse with `mean` and `lengths: given`.

    >>> from polyrec.types import Embeddings
    >>> rows = np.random.default_rng(0).normal(size=(90, 2)).astype(np.float32)
    >>> present = np.ones(90, bool)
    >>> views = {"a": Embeddings(rows, present), "b": Embeddings(rows * [1, -2], present)}
    >>> weighted = CosineWeighted(width=2).fit(views, None).align(views)["b"].vectors
    >>> bool(np.linalg.norm(weighted, axis=1).min() > 0.9)
    True
    """

    anchor: str = ""  # a view; "": the one that most items have
    width: int = 128
    ridge: float = 1e-2

    anchor_: str = learned()
    mean_weights_: dict[str, float] = learned()  # by view, of items without the anchor

    space: ClassVar[str] = "cca"

    def fit(self, views: Views, train: Interactions) -> Self:
        """Learn the shared space and how much each view agrees with the anchor."""
        copies = zero_absent(views)
        cca = CCA(width=self.width, ridge=self.ridge).fit(views, train)
        self.means_, self.maps_, self.mean_weights_ = cca.means_, cca.maps_, {}
        self.anchor_ = choose_anchor(copies, self.anchor) if copies else ""
        for name, (weights, paired) in self._weights(super().align(views)).items():
            self.mean_weights_[name] = float(weights[paired].mean()) if paired.any() else 0.0
        return self

    def align(self, views: Views) -> Views:
        """Return the views in the shared space, rows as long as they agree; absent rows are 0."""
        shared = super().align(views)
        weights = self._weights(shared)
        weighted = {}
        for name, view in shared.items():
            cosines, paired = weights[name]
            length = np.where(paired, cosines, self.mean_weights_[name]).astype(np.float32)
            rows = _unit(view.vectors) * length[:, None]
            weighted[name] = Embeddings(rows, view.present, view.problems, view.space)
        return weighted

    def torch_module(self) -> CosineModule:
        """Return a module that computes `align` (see `AffineAligner.torch_module`)."""
        from polyrec.align.torch_modules import CosineModule

        return CosineModule(
            self.means_, self.maps_, anchor=self.anchor_, mean_weights=self.mean_weights_
        )

    def _weights(self, shared: Views) -> dict[str, tuple[Floats, Bools]]:
        """Return per view (n,) its agreement with the anchor, and which items have both."""
        anchor = shared.get(self.anchor_)
        weights = {}
        for name, view in shared.items():
            if name == self.anchor_ or anchor is None:
                paired = np.full(len(view), name == self.anchor_)
                weights[name] = np.ones(len(view), np.float32), paired
                continue
            cosines = (_unit(view.vectors) * _unit(anchor.vectors)).sum(axis=1)
            weights[name] = np.maximum(cosines, 0), view.present & anchor.present
        return weights


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
