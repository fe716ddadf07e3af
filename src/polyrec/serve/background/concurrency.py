"""Bound the costly work under way: the rest waits, and beyond a bound requests are refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from starlette.concurrency import run_in_threadpool

from polyrec.database.writer import OverloadedError

T = TypeVar("T")


class ConcurrencyLimit:
    """At most `size` calls run in threads at once, at most `max_waiting` run or wait."""

    def __init__(self, size: int, *, max_waiting: int) -> None:
        self._semaphore = asyncio.Semaphore(size)
        self._max_waiting = max_waiting
        self._waiting = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Return the result of `work`, run in a thread; beyond `max_waiting` calls, refuse it."""
        if self._waiting >= self._max_waiting:
            remedy = "try again in a moment"
            received = f"{self._waiting} waiting"
            raise OverloadedError("too much to compute", received=received, remedy=remedy)
        self._waiting += 1
        try:
            async with self._semaphore:
                return await run_in_threadpool(work)
        finally:
            self._waiting -= 1
