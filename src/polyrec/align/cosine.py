"""Let a modality weigh as much as it agrees with an anchor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from polyrec.align.anchor import choose_anchor
from polyrec.align.cca import CCA
from polyrec.align.validation import zero_absent
from polyrec.types import Embeddings, Floats, Interactions, Views


@dataclass
class CosineWeighted:
    """Rows of length max(0, cos(x_m, x_anchor)), once all views lie in CCA's shared space.

    The mission's worked example with a space in which a cosine means something. An item without the
    anchor gets the view's mean weight; the anchor's own rows have length 1. Fuse with `mean` and
    lengths kept (`lengths: given`).

    >>> from polyrec.types import Embeddings
    >>> rows = np.random.default_rng(0).normal(size=(90, 2)).astype(np.float32)
    >>> here = np.ones(90, bool)
    >>> views = {"a": Embeddings(rows, here), "b": Embeddings(rows * [1, -2], here)}
    >>> weighed = CosineWeighted(width=2).fit(views, None).align(views)["b"].vectors
    >>> bool(np.linalg.norm(weighed, axis=1).min() > 0.9)
    True
    """

    anchor: str = ""  # a view; "": the one that most items have
    width: int = 128
    ridge: float = 1e-2

    anchor_: str = field(init=False, repr=False, compare=False)
    means_: dict[str, Floats] = field(init=False, repr=False, compare=False)  # (d,) of each view
    maps_: dict[str, Floats] = field(init=False, repr=False, compare=False)  # (d, width)
    usual_: dict[str, float] = field(init=False, repr=False, compare=False)  # mean weight of a view

    def fit(self, views: Views, train: Interactions) -> Self:
        """Learn the shared space and how much each view agrees with the anchor."""
        given = zero_absent(views)
        space = CCA(width=self.width, ridge=self.ridge).fit(views, train)
        self.means_, self.maps_, self.usual_ = space.means_, space.maps_, {}
        self.anchor_ = choose_anchor(given, self.anchor) if given else ""
        for name, (weights, known) in self._weights(self._shared(views)).items():
            self.usual_[name] = float(weights[known].mean()) if known.any() else 0.0
        return self

    def align(self, views: Views) -> Views:
        """Return the views in the shared space, rows as long as they agree; absent rows are 0."""
        shared = self._shared(views)
        weights = self._weights(shared)
        found = {}
        for name, view in shared.items():
            agreed, known = weights[name]
            length = np.where(known, agreed, self.usual_[name]).astype(np.float32)
            rows = _unit(view.vectors) * length[:, None]
            found[name] = Embeddings(rows, view.present, view.problems, view.space)
        return found

    def _shared(self, views: Views) -> Views:
        space = CCA(width=self.width, ridge=self.ridge)
        space.means_, space.maps_ = self.means_, self.maps_
        return space.align(views)

    def _weights(self, shared: Views) -> dict[str, tuple[Floats, np.ndarray]]:
        """Return per view (n,) its agreement with the anchor, and for which rows that is known."""
        anchor = shared.get(self.anchor_)
        found = {}
        for name, view in shared.items():
            if name == self.anchor_ or anchor is None:
                everywhere = name == self.anchor_
                found[name] = np.ones(len(view), np.float32), np.full(len(view), everywhere)
                continue
            cosines = (_unit(view.vectors) * _unit(anchor.vectors)).sum(axis=1)
            found[name] = np.maximum(cosines, 0), view.present & anchor.present
        return found


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
