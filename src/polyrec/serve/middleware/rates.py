"""How often somebody may ask: token buckets, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict

_KEPT = 10_000  # buckets


class Rates:
    """A bucket per name; a bucket holds one second's worth, at least one request.

    >>> rates = Rates()
    >>> [rates.wait("shop", per_second=1, now=0.0) for _ in range(2)]
    [0.0, 1.0]
    """

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, name: str, *, per_second: float, now: float) -> float:
        """Take one request from a bucket; return 0, or the seconds until there is one.

        `now` is in seconds and never runs back.
        """
        most = max(1.0, per_second)
        left, then = self._buckets.pop(name, (most, now))
        left = min(most, left + (now - then) * per_second)
        taken = left >= 1
        self._buckets[name] = (left - taken, now)
        if len(self._buckets) > _KEPT:
            self._buckets.popitem(last=False)
        return 0.0 if taken else (1 - left) / per_second
