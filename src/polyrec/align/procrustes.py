"""Rotate every view onto an anchor; distances stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from polyrec.align.anchor import AnchoredAligner
from polyrec.align.whiten import Doubles
from polyrec.contracts import part
from polyrec.types import Bools


@part
class Procrustes(AnchoredAligner):
    """Q = U V' with X'Y = U S V': the rotation that brings whitened X nearest to the anchor's Y.

    Schoenemann, Psychometrika 1966. Over the items that have both; a view that shares no item with
    the anchor comes out 0.

    >>> from polyrec.types import Embeddings
    >>> rows = np.random.default_rng(0).normal(size=(90, 2)).astype(np.float32)
    >>> present = np.ones(90, bool)
    >>> views = {"a": Embeddings(rows, present), "b": Embeddings(rows[:, ::-1] * 3, present)}
    >>> aligned = Procrustes(width=2).fit(views, None).align(views)
    >>> bool(np.allclose(aligned["a"].vectors, aligned["b"].vectors, atol=0.1))
    True
    """

    space: ClassVar[str] = "procrustes"

    def anchor_map(
        self, rows: Mapping[str, Doubles], name: str, anchor: str, paired: Bools
    ) -> Doubles:
        """Return the (width, width) rotation."""
        if not paired.any():
            return np.zeros((self.width, self.width))
        return nearest_rotation(rows[name][paired].T @ rows[anchor][paired])


def nearest_rotation(cross_covariance: Doubles) -> Doubles:
    """Return the orthogonal (d, d) matrix nearest to a cross-covariance."""
    left, _, right = np.linalg.svd(cross_covariance)
    return np.asarray(left @ right)
