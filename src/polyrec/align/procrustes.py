"""Turn every view onto an anchor, distances kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from polyrec.align.anchor import AnchoredAligner
from polyrec.align.whiten import Doubles


@dataclass
class Procrustes(AnchoredAligner):
    """Q = U V' with X'Y = U S V': the rotation that brings whitened X nearest to the anchor's Y.

    Schoenemann, Psychometrika 1966. Over the items that have both; a view that shares no item with
    the anchor comes out 0.

    >>> from polyrec.types import Embeddings
    >>> rows = np.random.default_rng(0).normal(size=(90, 2)).astype(np.float32)
    >>> here = np.ones(90, bool)
    >>> views = {"a": Embeddings(rows, here), "b": Embeddings(rows[:, ::-1] * 3, here)}
    >>> both = Procrustes(width=2).fit(views, None).align(views)
    >>> bool(np.allclose(both["a"].vectors, both["b"].vectors, atol=0.1))
    True
    """

    space: ClassVar[str] = "procrustes"

    def turn(
        self, rows: Mapping[str, Doubles], name: str, anchor: str, both: np.ndarray
    ) -> Doubles:
        """Return the (width, width) rotation."""
        if not both.any():
            return np.zeros((self.width, self.width))
        return nearest_rotation(rows[name][both].T @ rows[anchor][both])


def nearest_rotation(shared: Doubles) -> Doubles:
    """Return the orthogonal (d, d) matrix nearest to a cross-covariance."""
    left, _, right = np.linalg.svd(shared)
    return np.asarray(left @ right)
