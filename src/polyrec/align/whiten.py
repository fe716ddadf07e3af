"""Whiten each view: mean 0, unit covariance (PCA or ZCA); views of one space share the map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from polyrec.align.base import AffineAligner, check_settings, zero_absent
from polyrec.contracts import part
from polyrec.types import Embeddings, Floats, Interactions, Views

Doubles: TypeAlias = npt.NDArray[np.float64]

_SLICE = 8192  # rows held in float64 at once
_NOISE = 1e-10  # a variance below this share of the largest is rounding


@part
class Whiten(AffineAligner):
    """z = (x - mean) V (L + ridge mean(L))^-1/2, with covariance V L V' of the present rows (PCA).

    Keeps the `width` directions of most variance (None: all that have any, so a view can come out
    narrower); mean(L) is over those kept. Column j has variance L_j / (L_j + ridge mean(L)). A
    constant column vanishes; a view that is absent, constant or of one row has no direction
    and comes out 0 wide. Views of one space keep their own means and share the map, so that they
    stay comparable. With `method` zca the result is rotated back, z V': as wide as the view, and of
    all whitenings the nearest to it. Source: PCA and ZCA whitening, Kessy et al., The American
    Statistician 2018.
    Cost: n d^2 + d^3, or n^2 d where items are fewer than dimensions.

    >>> from polyrec.types import Embeddings
    >>> rows = np.random.default_rng(0).normal(size=(50, 3)) * [1, 2, 3]
    >>> views = {"text": Embeddings(rows.astype(np.float32), np.ones(50, bool))}
    >>> white = Whiten().fit(views, None).align(views)["text"].vectors
    >>> np.cov(white.T).round(1).diagonal()
    array([1., 1., 1.])
    """

    width: int | None = 128
    ridge: float = 1e-3
    method: Literal["pca", "zca"] = "pca"

    def fit(self, views: Views, train: Interactions) -> Self:  # noqa: ARG002 - content alone
        """Learn mean and covariance of each view; features that are not finite raise `FitError`."""
        check_settings(self.ridge, width=self.width)
        self.means_, self.maps_ = {}, {}
        copies = zero_absent(views)
        for names in _by_space(copies):
            for name, (mean, directions) in self._whitenings(copies, names).items():
                self.means_[name] = mean.astype(np.float32)
                self.maps_[name] = directions.astype(np.float32)
        return self

    def _whitenings(
        self, views: Mapping[str, Embeddings], names: Sequence[str]
    ) -> dict[str, tuple[Doubles, Doubles]]:
        """Return mean and map of views of one space: each its own mean, all the same map."""
        means: dict[str, Doubles] = {}
        maps: dict[str, Doubles] = {}
        for name in names:
            means[name], maps[name] = whitening(views[name], self.width, self.ridge)
        if len(names) > 1:
            present = {name: views[name].vectors[views[name].present] for name in names}
            rows = np.concatenate([present[n] - means[n].astype(np.float32) for n in names])
            _, pooled = whitening(
                Embeddings(rows, np.ones(len(rows), bool)), self.width, self.ridge
            )
            maps = dict.fromkeys(names, pooled)
        if self.method == "zca":
            maps = {name: _rotated_back(directions) for name, directions in maps.items()}
        return {name: (means[name], maps[name]) for name in names}


def _rotated_back(directions: Doubles) -> Doubles:
    """Return the (d, d) map to the same whitened rows, rotated back to the view's own axes."""
    lengths = np.maximum(np.linalg.norm(directions, axis=0), 1e-300)
    return np.asarray(directions @ (directions / lengths).T)


def _by_space(views: Mapping[str, Embeddings]) -> list[list[str]]:
    """Return groups of the names of views that share a space; the others are groups of one."""
    groups: dict[str, list[str]] = {}
    for name, view in views.items():
        key = f"{view.space} {view.width}" if view.space else f"\0{name}"
        groups.setdefault(key, []).append(name)
    return list(groups.values())


def whitening(view: Embeddings, width: int | None, ridge: float) -> tuple[Doubles, Doubles]:
    """Return mean (d,) and map (d, r) to r uncorrelated columns of unit variance."""
    rows = view.vectors[view.present]
    if not len(rows):
        return np.zeros(view.width), np.zeros((view.width, 0))
    # the sum of a constant column may round: its mean is its value, so that it vanishes exactly
    constant = rows.min(axis=0) == rows.max(axis=0)
    mean = np.where(constant, rows[0], rows.mean(axis=0, dtype=np.float64)).astype(np.float64)
    variances, directions = _principal(rows, mean)
    alive = variances > _NOISE * variances.max(initial=0)
    variances, directions = variances[alive][:width], directions[:, alive][:, :width]
    floor = ridge * variances.mean() if len(variances) else 0.0
    return mean, directions / np.sqrt(variances + floor)


def covariance(first: Floats, second: Floats, first_mean: Doubles, second_mean: Doubles) -> Doubles:
    """Return (d, d') the mean over rows of (x - mean)(y - mean)', n at least 1."""
    total = np.zeros((first.shape[1], second.shape[1]))
    for start in range(0, len(first), _SLICE):
        rows = slice(start, start + _SLICE)
        left = first[rows] - first_mean
        # one array with itself takes BLAS half the work
        same = second is first and second_mean is first_mean
        right = left if same else second[rows] - second_mean
        total += left.T @ right
    return total / len(first)


def with_fixed_signs(columns: Doubles) -> Doubles:
    """Return each column with its largest entry positive: LAPACK leaves the sign to rounding."""
    if not columns.size:
        return columns
    largest = np.abs(columns).argmax(axis=0)
    return np.asarray(columns * np.sign(columns[largest, np.arange(columns.shape[1])]))


def _principal(rows: Floats, mean: Doubles) -> tuple[Doubles, Doubles]:
    """Return variances, largest first, and their directions (d, r) as columns."""
    if len(rows) < rows.shape[1]:
        _, lengths, directions = np.linalg.svd(rows - mean, full_matrices=False)
        return lengths**2 / len(rows), with_fixed_signs(directions.T)
    variances, directions = np.linalg.eigh(covariance(rows, rows, mean, mean))
    return variances[::-1], with_fixed_signs(directions[:, ::-1])
