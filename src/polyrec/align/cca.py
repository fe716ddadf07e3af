"""Project every view onto the directions it shares with the others."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

from polyrec.align.whiten import project, whitening
from polyrec.types import Floats, Interactions, Views


@dataclass
class CCA:
    """Canonical correlation analysis of two views, and its multiset form for more (MAXVAR).

    Each view is whitened (see `Whiten`); the leading eigenvectors of the matrix of whitened
    cross-covariances, identity on the diagonal, give each view's map into one space of `width`
    columns (Kettenring, Biometrika 1971; for two views Hotelling, Biometrika 1936). Columns are
    scaled by how strongly the views agree on them. A pair's covariance comes from the items that
    have both. One view alone is whitened. Views that share nothing get columns near 0.

    >>> from polyrec.types import Embeddings
    >>> shared = np.random.default_rng(0).normal(size=(200, 1)).astype(np.float32)
    >>> here = np.ones(200, bool)
    >>> views = {"a": Embeddings(shared, here), "b": Embeddings(-3 * shared, here)}
    >>> both = CCA(width=1).fit(views, None).align(views)
    >>> bool(np.allclose(both["a"].vectors, both["b"].vectors, atol=0.1))
    True
    """

    width: int = 128
    ridge: float = 1e-2

    means_: dict[str, Floats] = field(init=False, repr=False, compare=False)  # (d,) of each view
    maps_: dict[str, Floats] = field(init=False, repr=False, compare=False)  # (d, width)
    agreement_: Floats = field(
        init=False, repr=False, compare=False
    )  # (width,) 0..1, mean correlation of views

    def fit(self, views: Views, train: Interactions) -> Self:  # noqa: ARG002 - content alone
        """Learn the shared directions."""
        names = sorted(views)
        white = {name: whitening(name, views[name], None, self.ridge) for name in names}
        ends = np.cumsum([0, *(white[name][1].shape[1] for name in names)])
        blocks = {name: slice(ends[i], ends[i + 1]) for i, name in enumerate(names)}
        joint = np.eye(ends[-1])
        rows = {name: _whitened(views, name, *white[name]) for name in names}
        for first, second in itertools.combinations(names, 2):
            both = views[first].present & views[second].present
            if both.any():
                cross = rows[first][both].T @ rows[second][both] / both.sum()
                joint[blocks[first], blocks[second]] = cross
                joint[blocks[second], blocks[first]] = cross.T
        strengths, vectors = np.linalg.eigh(joint)
        top = np.argsort(-strengths)[: self.width]
        # k views that agree fully have eigenvalue k, views that share nothing 1
        others = max(1, len(names) - 1)
        agreement = (
            np.clip((strengths[top] - 1) / others, 0, 1) if len(names) > 1 else np.ones(len(top))
        )
        self.agreement_ = _padded(agreement, self.width)
        self.means_ = {name: white[name][0].astype(np.float32) for name in names}
        self.maps_ = {}
        for name in names:
            shared = (
                white[name][1] @ vectors[blocks[name]][:, top] * np.sqrt(len(names)) * agreement
            )
            self.maps_[name] = _padded(shared, self.width)
        return self

    def align(self, views: Views) -> Views:
        """Return the views in the shared space; absent rows stay zero."""
        return project(views, self.means_, self.maps_)


def _whitened(
    views: Views, name: str, mean: npt.NDArray[np.float64], white: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    view = views[name]
    return np.where(view.present[:, None], view.vectors - mean, 0) @ white


def _padded(array: npt.NDArray[np.float64], width: int) -> Floats:
    """Return the array with zero columns up to `width`: every view gets the same width."""
    short = width - array.shape[-1]
    edges = [(0, 0)] * (array.ndim - 1) + [(0, max(0, short))]
    return np.pad(array, edges).astype(np.float32)
