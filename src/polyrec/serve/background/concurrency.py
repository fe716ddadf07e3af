"""Bound how much costly work is under way: the rest waits, and too many are turned away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from starlette.concurrency import run_in_threadpool

from polyrec.database.writer import OverloadedError

T = TypeVar("T")


class ConcurrencyLimit:
    """So many at once beside the event loop, so many more waiting."""

    def __init__(self, size: int, *, longest: int) -> None:
        self._free = asyncio.Semaphore(size)
        self._longest = longest
        self._waiting = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, done in a thread when it is its turn."""
        if self._waiting >= self._longest:
            remedy = "try again in a moment"
            received = f"{self._waiting} waiting"
            raise OverloadedError("too much to compute", received=received, remedy=remedy)
        self._waiting += 1
        try:
            async with self._free:
                return await run_in_threadpool(work)
        finally:
            self._waiting -= 1
