"""Map every view onto an anchor by ridge regression."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from polyrec.align.anchor import AnchoredAligner
from polyrec.align.whiten import Doubles


@dataclass
class LinearMap(AnchoredAligner):
    """B = (X'X / n + pull I)^-1 X'Y / n, with whitened rows X of a view and Y of the anchor.

    Over the n items that have both (Mikolov et al., 2013, with a ridge). What a view can't tell of
    the anchor comes out short; a view that shares no item with the anchor comes out 0.

    >>> from polyrec.types import Embeddings
    >>> rows = np.random.default_rng(0).normal(size=(90, 2)).astype(np.float32)
    >>> here = np.ones(90, bool)
    >>> views = {"a": Embeddings(rows, here), "b": Embeddings(rows[:, ::-1] * 3, here)}
    >>> both = LinearMap(width=2).fit(views, None).align(views)
    >>> bool(np.allclose(both["a"].vectors, both["b"].vectors, atol=0.1))
    True
    """

    pull: float = 1e-2  # ridge of the regression, in units of a whitened column's variance

    space: ClassVar[str] = "linear"

    def turn(
        self, rows: Mapping[str, Doubles], name: str, anchor: str, both: np.ndarray
    ) -> Doubles:
        """Return the (width, width) regression."""
        count = max(1, int(both.sum()))
        mine, theirs = rows[name][both], rows[anchor][both]
        known = mine.T @ mine / count + max(self.pull, 1e-9) * np.eye(self.width)
        return np.asarray(np.linalg.solve(known, mine.T @ theirs / count))
