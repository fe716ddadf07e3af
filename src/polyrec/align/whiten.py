"""Centre each view and give it unit covariance: the cheapest gain there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

from polyrec.errors import FitError
from polyrec.types import Embeddings, Floats, Interactions, Views


@dataclass
class Whiten:
    """z = (x - mean) V (L + ridge mean(L))^-1/2, with covariance V L V' of the present rows (PCA).

    Keeps the `width` directions of most variance (None: all that have any). A constant column
    vanishes; a single row becomes zeros.

    >>> from polyrec.types import Embeddings
    >>> rows = np.random.default_rng(0).normal(size=(50, 3)) * [1, 2, 3]
    >>> views = {"text": Embeddings(rows.astype(np.float32), np.ones(50, bool))}
    >>> white = Whiten().fit(views, None).align(views)["text"].vectors
    >>> np.cov(white.T).round(1).diagonal()
    array([1., 1., 1.])
    """

    width: int | None = 128
    ridge: float = 1e-3

    means_: dict[str, Floats] = field(init=False, repr=False, compare=False)  # (d,) of each view
    maps_: dict[str, Floats] = field(init=False, repr=False, compare=False)  # (d, width)

    def fit(self, views: Views, train: Interactions) -> Self:  # noqa: ARG002 - content alone
        """Learn mean and covariance of each view."""
        self.means_, self.maps_ = {}, {}
        for name, view in views.items():
            mean, directions = whitening(name, view, self.width, self.ridge)
            self.means_[name] = mean.astype(np.float32)
            self.maps_[name] = directions.astype(np.float32)
        return self

    def align(self, views: Views) -> Views:
        """Return the views whitened; absent rows stay zero."""
        return project(views, self.means_, self.maps_)


def whitening(
    name: str, view: Embeddings, width: int | None, ridge: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean (d,) and map (d, r) to r uncorrelated columns of unit variance."""
    rows = view.vectors[view.present].astype(np.float64)
    if not np.isfinite(rows).all():
        remedy = "flag such rows as absent"
        raise FitError("features are not finite", received=name, remedy=remedy)
    if not len(rows):
        return np.zeros(view.width), np.zeros((view.width, 0))
    mean = rows.mean(axis=0)
    rows -= mean
    variances, directions = np.linalg.eigh(rows.T @ rows / len(rows))
    order = np.argsort(-variances)[: min(len(rows), view.width if width is None else width)]
    variances, directions = variances[order], directions[:, order]
    alive = variances > 1e-10 * max(variances.max(initial=0), 1e-30)
    variances, directions = variances[alive], directions[:, alive]
    floor = ridge * variances.mean() if len(variances) else 0.0
    return mean, directions / np.sqrt(variances + floor)


def project(views: Views, means: Mapping[str, Floats], maps: Mapping[str, Floats]) -> Views:
    """Return (x - mean) map for each view; absent rows are zero whatever they held."""
    aligned = {}
    for name, view in views.items():
        if name not in maps:
            raise FitError("a view unknown at fit", received=name, remedy=f"known: {list(maps)}")
        centred = np.where(view.present[:, None], view.vectors - means[name], 0)
        vectors = centred.astype(np.float32) @ maps[name]
        aligned[name] = Embeddings(vectors, view.present, view.problems)
    return aligned
