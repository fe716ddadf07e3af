"""What aligners share that bring every view to one of them, the anchor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np

from polyrec.align.validation import check_settings, zero_absent
from polyrec.align.whiten import Doubles, apply_affine_maps, whitening
from polyrec.errors import FitError, nearest
from polyrec.types import FUSED, Embeddings, Floats, Interactions, Views


@dataclass
class AnchoredAligner:
    """Whiten views to `width` columns, then map them to the anchor's; each way has its file."""

    anchor: str = ""  # a view; "": the one that most items have
    width: int = 128
    ridge: float = 1e-3  # of whitening, see `Whiten`

    means_: dict[str, Floats] = field(init=False, repr=False, compare=False)  # (d,) of each view
    maps_: dict[str, Floats] = field(init=False, repr=False, compare=False)  # (d, width)

    space: ClassVar[str] = ""

    def fit(self, views: Views, train: Interactions) -> Self:  # noqa: ARG002 - content alone
        """Learn means and maps; features that are not finite raise `FitError`."""
        check_settings(self.ridge, width=self.width)
        given = zero_absent(views)
        self.means_, self.maps_ = {}, {}
        if not given:
            return self
        anchor = choose_anchor(given, self.anchor)
        white = {name: whitening(view, self.width, self.ridge) for name, view in given.items()}
        rows = {name: whitened_rows(view, *white[name], self.width) for name, view in given.items()}
        for name, view in given.items():
            mean, directions = white[name]
            padded = np.pad(directions, ((0, 0), (0, self.width - directions.shape[1])))
            both = view.present & given[anchor].present
            turn = np.eye(self.width) if name == anchor else self.turn(rows, name, anchor, both)
            self.means_[name] = mean.astype(np.float32)
            self.maps_[name] = (padded @ turn).astype(np.float32)
        return self

    def turn(
        self, rows: Mapping[str, Doubles], name: str, anchor: str, both: np.ndarray
    ) -> Doubles:
        """Return the (width, width) map from whitened rows of a view to the anchor's."""
        raise NotImplementedError

    def align(self, views: Views) -> Views:
        """Return the views in the anchor's space; absent rows are 0."""
        return apply_affine_maps(views, self.means_, self.maps_, space=self.space)


def choose_anchor(views: Mapping[str, Embeddings], wanted: str) -> str:
    """Return the anchor's name: the one wanted, or the view that most items have."""
    names = [name for name in sorted(views) if name != FUSED]
    if wanted and wanted not in names:
        raise FitError("no such view", received=wanted, remedy=nearest(wanted, names))
    return wanted or max(names, key=lambda name: int(views[name].present.sum()))


def whitened_rows(view: Embeddings, mean: Doubles, directions: Doubles, width: int) -> Doubles:
    """Return (n, width) whitened rows, absent ones and further columns 0."""
    rows = np.zeros((len(view), width))
    made = (view.vectors[view.present] - mean) @ directions
    rows[np.flatnonzero(view.present), : directions.shape[1]] = made
    return rows
