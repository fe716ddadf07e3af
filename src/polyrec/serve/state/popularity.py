"""What was popular of late: a sum of positive events, each worth half after a half-life.

Instead of letting all sums decay, a later event counts for more: 2^(t / half-life). The order is
the same, and nothing has to be touched as time goes by.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_DAY = 86_400_000_000  # microseconds
_LARGEST = 500.0  # an exponent at which sums are brought back to the present


class DecayedPopularity:
    """Sums by place of an item.

    >>> popularity = Popularity(half_life_days=1)
    >>> for place, day in ((0, 0), (0, 0), (1, 2)):
    ...     popularity.add(place, 1.0, day * 86_400_000_000)
    >>> popularity.sums(3).tolist()
    [0.5, 1.0, 0.0]
    """

    def __init__(self, half_life_days: float) -> None:
        self._half_life = half_life_days * _DAY
        self._start: int | None = None
        self._sums = np.zeros(0)

    def add(self, place: int, weight: float, timestamp: int) -> None:
        """Count an event of an item; one that is no sign of liking counts nothing."""
        if weight <= 0:
            return
        if self._start is None:
            self._start = timestamp
        if place >= len(self._sums):
            self._sums = np.pad(self._sums, (0, max(1024, place + 1)))
        exponent = (timestamp - self._start) / self._half_life
        if exponent > _LARGEST:
            self._sums *= 2.0 ** -min(exponent, 1000.0)
            self._start, exponent = timestamp, 0.0
        self._sums[place] += weight * 2.0 ** max(exponent, -_LARGEST)

    def sums(self, count: int) -> npt.NDArray[np.float64]:
        """Return (count,) the sums, divided by the largest."""
        sums = np.zeros(count)
        known = self._sums[:count]
        sums[: len(known)] = known
        return sums / max(float(sums.max(initial=0.0)), 1e-300)
