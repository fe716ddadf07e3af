"""Map every view onto an anchor by ridge regression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from polyrec.align.anchor import AnchoredAligner
from polyrec.align.whiten import Doubles
from polyrec.contracts import part
from polyrec.types import Bools


@part
class LinearMap(AnchoredAligner):
    """B = (X'X / n + pull I)^-1 X'Y / n, with whitened rows X of a view and Y of the anchor.

    Over the n items that have both (Mikolov et al., 2013, with a ridge). What a view can't predict
    of the anchor is shrunk; a view that shares no item with the anchor comes out 0.

    >>> from polyrec.types import Embeddings
    >>> rows = np.random.default_rng(0).normal(size=(90, 2)).astype(np.float32)
    >>> present = np.ones(90, bool)
    >>> views = {"a": Embeddings(rows, present), "b": Embeddings(rows[:, ::-1] * 3, present)}
    >>> aligned = LinearMap(width=2).fit(views, None).align(views)
    >>> bool(np.allclose(aligned["a"].vectors, aligned["b"].vectors, atol=0.1))
    True
    """

    pull: float = 1e-2  # ridge of the regression, in units of a whitened column's variance

    space: ClassVar[str] = "linear"

    def anchor_map(
        self, rows: Mapping[str, Doubles], name: str, anchor: str, paired: Bools
    ) -> Doubles:
        """Return the (width, width) regression."""
        count = max(1, int(paired.sum()))
        x, y = rows[name][paired], rows[anchor][paired]
        gram = x.T @ x / count + max(self.pull, 1e-9) * np.eye(self.width)
        return np.asarray(np.linalg.solve(gram, x.T @ y / count))
