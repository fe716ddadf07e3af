"""A square matrix that grows at its end without being copied."""

from __future__ import annotations

import threading
from typing import Self

import numpy as np

from polyrec.types import Floats

_SPARE = 1024  # rows and columns, at least


class GrowableMatrix:
    """A square matrix with spare rows and columns; several upper left corners may share it.

    A corner never changes: growth is written beyond it. Only the largest corner grows in place, any
    other is copied first, so two that grew from the same corner don't overwrite each other.

    >>> storage, corner = GrowableMatrix.copy_of(np.ones((2, 2), np.float32))
    >>> storage.grow(2, 1)[1].tolist()
    [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    >>> corner.shape
    (2, 2)
    """

    def __init__(self, matrix: Floats, used: int) -> None:
        self.matrix = matrix  # (m, m) C order, m >= used
        self._used = used
        self._lock = threading.Lock()

    @classmethod
    def copy_of(cls, corner: Floats, *, more: int = 0) -> tuple[Self, Floats]:
        """Return storage that holds a copy of the corner, with space for at least `more` rows."""
        used = len(corner)
        size = used + more + max(_SPARE, used // 8)
        matrix = np.zeros((size, size), np.float32)  # takes memory only where it is written to
        matrix[:used, :used] = corner
        return cls(matrix, used), matrix[:used, :used]

    def grow(self, used: int, more: int) -> tuple[Self | GrowableMatrix, Floats]:
        """Return the storage and its corner of `used` rows with `more` rows and columns of 0."""
        with self._lock:
            if used == self._used and used + more <= len(self.matrix):
                self._used += more
                return self, self.matrix[: used + more, : used + more]
        storage, _ = GrowableMatrix.copy_of(self.matrix[:used, :used], more=more)
        return storage.grow(used, more)
