"""Map every view onto the items' behaviour factors by ridge regression."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np

from polyrec.align.anchor import whitened_rows
from polyrec.align.base import AffineAligner, check_settings, zero_absent
from polyrec.align.whiten import whitening
from polyrec.contracts import part
from polyrec.training.item_factors import factorize_items
from polyrec.types import Interactions, Views


@part
class BehaviourGuided(AffineAligner):
    """B_m = (X_m'X_m / n + pull I)^-1 X_m'V / n: behaviour's factors from content by ridge.

    V are the centred factors of a normalised matrix (`training.item_factors`), X_m the whitened
    rows of the n items that have the view and events. The result is each view's prediction of
    behaviour (the linear form of DropoutNet, Volkovs et al., NIPS 2017), all in one space, so that
    items without events lie where their content suggests. Without behaviour all comes out 0.

    >>> from polyrec.types import Embeddings, Interactions
    >>> train = Interactions.of([0, 0, 1, 1], [0, 1, 2, 3], shape=(2, 4))
    >>> rows = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]], np.float32)
    >>> views = {"text": Embeddings(rows, np.ones(4, bool))}
    >>> aligned = BehaviourGuided(width=2).fit(views, train).align(views)["text"].vectors
    >>> bool(aligned[0] @ aligned[1] > 0 > aligned[0] @ aligned[2])
    True
    """

    width: int = 64
    components: int | None = 128  # of each view before the regression; None: all
    ridge: float = 1e-3  # of whitening, see `Whiten`
    pull: float = 0.3  # ridge of the regression, in units of a whitened column's variance
    seed: int = 7

    space: ClassVar[str] = "behaviour"

    def fit(self, views: Views, train: Interactions) -> Self:
        """Learn means and maps; features that are not finite raise `FitError`."""
        check_settings(self.ridge, width=self.width, components=self.components)
        self.means_, self.maps_ = {}, {}
        for name, view in zero_absent(views).items():
            mean, directions = whitening(view, self.components, self.ridge)
            rank = directions.shape[1]
            present = np.flatnonzero(view.present)
            behaviour = factorize_items(train, present, self.width, seed=self.seed)
            x = whitened_rows(view, mean, directions, rank)[behaviour.rows]
            factors = behaviour.factors[behaviour.rows]
            count = max(1, len(x))
            gram = x.T @ x / count + max(self.pull, 1e-9) * np.eye(rank)
            regression = np.linalg.solve(gram, x.T @ factors / count)
            self.means_[name] = mean.astype(np.float32)
            self.maps_[name] = (directions @ regression).astype(np.float32)
        return self
