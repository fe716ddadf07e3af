"""Recent popularity: the sum of positive event weights, halved after every half-life.

Instead of decaying all sums, a later event counts for more: 2^(t / half-life). The order is the
same, and no sum changes as time passes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_DAY = 86_400_000_000  # microseconds
_MAX_EXPONENT = 500.0  # beyond it the sums are rescaled to the time of the latest event


class DecayedPopularity:
    """Decayed sums by catalogue row.

    >>> popularity = DecayedPopularity(half_life_days=1)
    >>> for row, day in ((0, 0), (0, 0), (1, 2)):
    ...     popularity.add(row, 1.0, day * 86_400_000_000)
    >>> popularity.normalized(3).tolist()
    [0.5, 1.0, 0.0]
    """

    def __init__(self, half_life_days: float) -> None:
        self._half_life = half_life_days * _DAY
        self._start: int | None = None
        self._sums = np.zeros(0)

    def add(self, row: int, weight: float, timestamp: int) -> None:
        """Count an event of an item; one without a positive weight counts nothing."""
        if weight <= 0:
            return
        if self._start is None:
            self._start = timestamp
        if row >= len(self._sums):
            self._sums = np.pad(self._sums, (0, max(1024, row + 1)))
        exponent = (timestamp - self._start) / self._half_life
        if exponent > _MAX_EXPONENT:
            self._sums *= 2.0 ** -min(exponent, 1000.0)
            self._start, exponent = timestamp, 0.0
        self._sums[row] += weight * 2.0 ** max(exponent, -_MAX_EXPONENT)

    def normalized(self, count: int) -> npt.NDArray[np.float64]:
        """Return (count,) the sums, divided by the largest."""
        sums = np.zeros(count)
        held = self._sums[:count]
        sums[: len(held)] = held
        return sums / max(float(sums.max(initial=0.0)), 1e-300)
