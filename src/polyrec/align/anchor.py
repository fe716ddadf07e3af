"""What aligners share that bring every view to one of them, the anchor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np

from polyrec.align.base import AffineAligner, check_settings, zero_absent
from polyrec.align.whiten import Doubles, whitening
from polyrec.contracts import part
from polyrec.errors import FitError, nearest
from polyrec.types import FUSED, Bools, Embeddings, Interactions, Views


@part
class AnchoredAligner(AffineAligner):
    """Whiten views to `width` columns, then map them to the anchor's; each map has its file."""

    anchor: str = ""  # a view; "": the one that most items have
    width: int = 128
    ridge: float = 1e-3  # of whitening, see `Whiten`

    def fit(self, views: Views, train: Interactions) -> Self:  # noqa: ARG002 - content alone
        """Learn means and maps; features that are not finite raise `FitError`."""
        check_settings(self.ridge, width=self.width)
        copies = zero_absent(views)
        self.means_, self.maps_ = {}, {}
        if not copies:
            return self
        anchor = choose_anchor(copies, self.anchor)
        white = {name: whitening(view, self.width, self.ridge) for name, view in copies.items()}
        rows = {
            name: whitened_rows(view, *white[name], self.width) for name, view in copies.items()
        }
        for name, view in copies.items():
            mean, directions = white[name]
            padded = np.pad(directions, ((0, 0), (0, self.width - directions.shape[1])))
            paired = view.present & copies[anchor].present
            to_anchor = np.eye(self.width)
            if name != anchor:
                to_anchor = self.anchor_map(rows, name, anchor, paired)
            self.means_[name] = mean.astype(np.float32)
            self.maps_[name] = (padded @ to_anchor).astype(np.float32)
        return self

    def anchor_map(
        self, rows: Mapping[str, Doubles], name: str, anchor: str, paired: Bools
    ) -> Doubles:
        """Return the (width, width) map from whitened rows of a view to the anchor's.

        `paired` (n,) marks the items that have both.
        """
        raise NotImplementedError


def choose_anchor(views: Mapping[str, Embeddings], anchor: str) -> str:
    """Return `anchor`, or for "" the view that most items have."""
    names = [name for name in sorted(views) if name != FUSED]
    if anchor and anchor not in names:
        raise FitError("no such view", received=anchor, remedy=nearest(anchor, names))
    return anchor or max(names, key=lambda name: int(views[name].present.sum()))


def whitened_rows(view: Embeddings, mean: Doubles, directions: Doubles, width: int) -> Doubles:
    """Return (n, width) whitened rows; absent rows and further columns are 0."""
    rows = np.zeros((len(view), width))
    present = np.flatnonzero(view.present)
    rows[present, : directions.shape[1]] = (view.vectors[present] - mean) @ directions
    return rows
