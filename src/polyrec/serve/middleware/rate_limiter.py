"""Rate limits as token buckets in memory that all workers of a service share."""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where there is one worker
    fcntl = None  # type: ignore[assignment]

_BUCKET = struct.Struct("<8sdd")  # name, tokens, when they were counted
_SLOTS = 2**14
_PROBES = 8  # slots that a name may lie in
_EMPTY = bytes(8)


class RateLimiter:
    """One token bucket per name. A bucket holds the tokens of one second, and at least one.

    There is room for 16,384 buckets, 400 KB; beyond, the one of eight that was used longest ago
    is forgotten, which is most often a full one. With a `file`, all processes that name it share
    the buckets: `now` must then be of a clock that they share, as `time.monotonic` on Linux.

    >>> limiter = RateLimiter()
    >>> [limiter.wait("shop", per_second=1, now=0.0) for _ in range(2)]
    [0.0, 1.0]
    """

    def __init__(self, file: Path | None = None) -> None:
        size = _SLOTS * _BUCKET.size
        self._file = -1
        if file is not None:
            self._file = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
            os.ftruncate(self._file, size)  # zeros, or what is there
        self._buckets = mmap.mmap(self._file, size)

    def wait(self, name: str, *, per_second: float, now: float) -> float:
        """Take one token from a bucket; return 0, or the seconds until there is one.

        `now` is in seconds and must not decrease.
        """
        with self._locked():
            start, key, tokens = self._find(name, per_second, now)
            taken = tokens >= 1
            _BUCKET.pack_into(self._buckets, start, key, tokens - taken, now)
        return 0.0 if taken else (1 - tokens) / per_second

    def give_back(self, name: str, *, per_second: float, now: float) -> None:
        """Put a token back."""
        with self._locked():
            start, key, tokens = self._find(name, per_second, now)
            _BUCKET.pack_into(self._buckets, start, key, tokens + 1, now)

    def _find(self, name: str, per_second: float, now: float) -> tuple[int, bytes, float]:
        """Return where a bucket lies, its name there, and its tokens."""
        digest = blake2b(name.encode(), digest_size=16).digest()
        key, first = digest[:8], int.from_bytes(digest[8:], "little")
        capacity = max(1.0, per_second)
        oldest, oldest_at = 0, float("inf")
        for probe in range(_PROBES):
            start = (first + probe) % _SLOTS * _BUCKET.size
            other, tokens, at = _BUCKET.unpack_from(self._buckets, start)
            if other == key:
                return start, key, min(capacity, tokens + max(0.0, now - at) * per_second)
            if other == _EMPTY:
                return start, key, capacity
            if at < oldest_at:
                oldest, oldest_at = start, at
        return oldest, key, capacity

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Exclude other processes for some microseconds; a killed one holds nothing."""
        if fcntl is None or self._file < 0:
            yield
            return
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)
