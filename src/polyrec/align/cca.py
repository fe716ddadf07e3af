"""Project the views onto the directions that they share; any number of views."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np

from polyrec.align.base import AffineAligner, check_settings, zero_absent
from polyrec.align.whiten import Doubles, covariance, whitening, with_fixed_signs
from polyrec.contracts import learned, part
from polyrec.types import Embeddings, Floats, Interactions, Views


@part
class CCA(AffineAligner):
    """Canonical correlation analysis of two views, and its multiset form for more (MAXVAR).

    Each view x_m is whitened by W_m, its `components` directions of most variance with a ridge
    (see `Whiten`). The joint matrix J has blocks J_ab = W_a' cov(x_a, x_b) W_b and I on its
    diagonal; with the leading eigenpairs J v = l v, view m has the map

        W_m v_m sqrt(k) diag(agreement),   agreement = (l - 1) / (k - 1) in 0..1, k views

    into one space of `width` columns, best first. For two views the agreement is the canonical
    correlation. Sources: Hotelling, Biometrika 1936; ridge, Vinod, J. Econometrics 1976; MAXVAR,
    Kettenring, Biometrika 1971.

    A pair's covariance comes from the items that have both; no such item, nothing shared. One view
    alone is whitened; views that are wholly absent or constant come out 0. Views that share nothing
    agree by chance, about 2 sqrt(components / n): fewer components or a larger ridge (up to 1)
    where items are few. Cost: n d^2 per pair of views, then (k components)^3.

    >>> from polyrec.types import Embeddings
    >>> shared = np.random.default_rng(0).normal(size=(200, 1)).astype(np.float32)
    >>> present = np.ones(200, bool)
    >>> views = {"a": Embeddings(shared, present), "b": Embeddings(-3 * shared, present)}
    >>> aligned = CCA(width=1).fit(views, None).align(views)
    >>> bool(np.allclose(aligned["a"].vectors, aligned["b"].vectors, atol=0.1))
    True
    """

    width: int = 128
    ridge: float = 1e-2
    components: int | None = 128  # of each view before they are compared; None: all

    agreement_: Floats = learned()  # (width,) 0..1

    space: ClassVar[str] = "cca"

    def fit(self, views: Views, train: Interactions) -> Self:  # noqa: ARG002 - content alone
        """Learn the shared directions; features that are not finite raise `FitError`."""
        check_settings(self.ridge, width=self.width, components=self.components)
        copies = zero_absent(views)
        white = {n: whitening(view, self.components, self.ridge) for n, view in copies.items()}
        maps = {name: directions for name, (_, directions) in white.items()}
        eigenvalues, vectors = _leading(_joint(copies, maps), self.width)
        count = sum(directions.shape[1] > 0 for directions in maps.values())  # views that vary
        # k views that agree fully have eigenvalue k, views that share nothing 1
        agreement = np.clip((eigenvalues - 1) / (count - 1), 0, 1) if count > 1 else eigenvalues
        vectors = vectors * np.sqrt(count) * agreement
        self.agreement_ = _padded(agreement, self.width)
        self.means_ = {name: mean.astype(np.float32) for name, (mean, _) in white.items()}
        self.maps_ = {
            name: _padded(maps[name] @ vectors[block], self.width)
            for name, block in _blocks(maps).items()
        }
        return self


def _blocks(maps: Mapping[str, Doubles]) -> dict[str, slice]:
    """Return the rows and columns of each view in the joint matrix."""
    ends = np.cumsum([0, *(directions.shape[1] for directions in maps.values())])
    return {name: slice(ends[i], ends[i + 1]) for i, name in enumerate(maps)}


def _joint(views: Mapping[str, Embeddings], maps: Mapping[str, Doubles]) -> Doubles:
    """Return J: the whitened covariance of every two views, I on the diagonal."""
    blocks = _blocks(maps)
    joint = np.eye(sum(directions.shape[1] for directions in maps.values()))
    for first, second in itertools.combinations(maps, 2):
        shared = maps[first].T @ _pair_covariance(views[first], views[second]) @ maps[second]
        if shared.size:
            # few pairs can seem to correlate by more than 1
            shared /= max(1.0, float(np.linalg.norm(shared, 2)))
        joint[blocks[first], blocks[second]] = shared
        joint[blocks[second], blocks[first]] = shared.T
    return joint


def _pair_covariance(first: Embeddings, second: Embeddings) -> Doubles:
    """Return (d, d') the covariance over the items that have both views, 0 if none has."""
    paired = first.present & second.present
    if not paired.any():
        return np.zeros((first.width, second.width))
    left, right = first.vectors[paired], second.vectors[paired]
    means = (rows.mean(axis=0, dtype=np.float64) for rows in (left, right))
    return covariance(left, right, *means)


def _leading(joint: Doubles, width: int) -> tuple[Doubles, Doubles]:
    """Return the `width` largest eigenvalues, largest first, and their vectors as columns."""
    eigenvalues, vectors = np.linalg.eigh(joint)
    # stable: a lone view's directions are equal here, and stay in the order of their variance
    top = np.argsort(-eigenvalues, kind="stable")[:width]
    return eigenvalues[top], with_fixed_signs(vectors[:, top])


def _padded(array: Doubles, width: int) -> Floats:
    """Return the array with zero columns up to `width`: every view gets the same width."""
    edges = [(0, 0)] * (array.ndim - 1) + [(0, width - array.shape[-1])]
    return np.pad(array, edges).astype(np.float32)
