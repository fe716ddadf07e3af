"""Rate limits as token buckets in bounded memory."""

from __future__ import annotations

from collections import OrderedDict

_MAX_BUCKETS = 10_000


class RateLimiter:
    """One token bucket per name. A bucket holds the tokens of one second, and at least one.

    >>> limiter = RateLimiter()
    >>> [limiter.wait("shop", per_second=1, now=0.0) for _ in range(2)]
    [0.0, 1.0]
    """

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, name: str, *, per_second: float, now: float) -> float:
        """Take one token from a bucket; return 0, or the seconds until there is one.

        `now` is in seconds and must not decrease.
        """
        capacity = max(1.0, per_second)
        tokens, updated = self._buckets.pop(name, (capacity, now))
        tokens = min(capacity, tokens + (now - updated) * per_second)
        taken = tokens >= 1
        self._buckets[name] = (tokens - taken, now)
        if len(self._buckets) > _MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return 0.0 if taken else (1 - tokens) / per_second
