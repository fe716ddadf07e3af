"""Room for a square matrix to grow at its end without being copied."""

from __future__ import annotations

import threading
from typing import Self

import numpy as np

from polyrec.types import Floats

_SPARE = 1024  # rows and columns, at least


class Room:
    """A square matrix whose upper left corner is in use; several corners may share it.

    A corner never changes: who grows writes beyond it. Only the largest corner grows in place, any
    other is copied first, so two that grew from the same one don't meet.

    >>> room, corner = Room.around(np.ones((2, 2), np.float32))
    >>> room.grown(2, 1)[1].tolist()
    [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    >>> corner.shape
    (2, 2)
    """

    def __init__(self, matrix: Floats, used: int) -> None:
        self.matrix = matrix  # (m, m) C order, m >= used
        self._used = used
        self._lock = threading.Lock()

    @classmethod
    def around(cls, corner: Floats, *, more: int = 0) -> tuple[Self, Floats]:
        """Return a room that holds a copy of the corner, with place for at least `more`."""
        used = len(corner)
        size = used + more + max(_SPARE, used // 8)
        matrix = np.zeros((size, size), np.float32)  # takes memory only where it is written to
        matrix[:used, :used] = corner
        return cls(matrix, used), matrix[:used, :used]

    def grown(self, used: int, more: int) -> tuple[Self | Room, Floats]:
        """Return the corner of `used` rows with `more` rows and columns, 0 so far, and its room."""
        with self._lock:
            if used == self._used and used + more <= len(self.matrix):
                self._used += more
                return self, self.matrix[: used + more, : used + more]
        room, _ = Room.around(self.matrix[:used, :used], more=more)
        return room.grown(used, more)
