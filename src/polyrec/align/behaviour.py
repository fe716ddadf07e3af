"""Bring every view to where behaviour puts the items."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from polyrec.align.anchor import whitened_rows
from polyrec.align.validation import check_settings, zero_absent
from polyrec.align.whiten import apply_affine_maps, whitening
from polyrec.training.item_factors import factorize_items
from polyrec.types import Floats, Interactions, Views


@dataclass
class BehaviourGuided:
    """B_m = (X_m'X_m / n + pull I)^-1 X_m'V / n: behaviour's factors from content by ridge.

    V are the centred factors of a normalised matrix (`training.item_factors`), X_m the whitened
    rows of the n items that have the view and that someone took. After it every view tells what it
    can of behaviour (the linear form of DropoutNet, Volkovs et al., NIPS 2017), all in one space,
    and items that nobody took lie where their content says. Without behaviour all comes out 0.

    >>> from polyrec.types import Embeddings, Interactions
    >>> train = Interactions.of([0, 0, 1, 1], [0, 1, 2, 3], shape=(2, 4))
    >>> rows = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]], np.float32)
    >>> views = {"text": Embeddings(rows, np.ones(4, bool))}
    >>> made = BehaviourGuided(width=2).fit(views, train).align(views)["text"].vectors
    >>> bool(made[0] @ made[1] > 0 > made[0] @ made[2])
    True
    """

    width: int = 64
    components: int | None = 128  # of each view before the regression; None: all
    ridge: float = 1e-3  # of whitening, see `Whiten`
    pull: float = 0.3  # ridge of the regression, in units of a whitened column's variance
    seed: int = 7

    means_: dict[str, Floats] = field(init=False, repr=False, compare=False)  # (d,) of each view
    maps_: dict[str, Floats] = field(init=False, repr=False, compare=False)  # (d, width)

    def fit(self, views: Views, train: Interactions) -> Self:
        """Learn means and maps; features that are not finite raise `FitError`."""
        check_settings(self.ridge, width=self.width, components=self.components)
        self.means_, self.maps_ = {}, {}
        for name, view in zero_absent(views).items():
            mean, directions = whitening(view, self.components, self.ridge)
            rank = directions.shape[1]
            rows = whitened_rows(view, mean, directions, rank)
            told = factorize_items(train, np.flatnonzero(view.present), self.width, seed=self.seed)
            known = rows[told.rows]
            count = max(1, len(known))
            square = known.T @ known / count + max(self.pull, 1e-9) * np.eye(rank)
            solved = np.linalg.solve(square, known.T @ told.vectors[told.rows] / count)
            self.means_[name] = mean.astype(np.float32)
            self.maps_[name] = (directions @ solved).astype(np.float32)
        return self

    def align(self, views: Views) -> Views:
        """Return the views in the space of behaviour; absent rows are 0."""
        return apply_affine_maps(views, self.means_, self.maps_, space="behaviour")
