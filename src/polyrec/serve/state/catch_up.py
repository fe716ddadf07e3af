"""One read of the log for all requests that wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class SharedCatchUp:
    """Runs `catch_up` for many requests at once.

    A call may use a run that began after it, never one under way: what was acknowledged before the
    call could be missing there. So at most one run is under way and one waits, whatever the number
    of requests.

    >>> async def catch_up() -> None:
    ...     await asyncio.sleep(0)
    ...     print("caught up")
    >>> async def three_calls() -> None:
    ...     shared = SharedCatchUp(catch_up)
    ...     await asyncio.gather(shared.run(), shared.run(), shared.run())
    >>> asyncio.run(three_calls())
    caught up
    """

    def __init__(self, catch_up: Callable[[], Awaitable[object]]) -> None:
        self._catch_up = catch_up
        self._waiting: asyncio.Task[None] | None = None  # has not begun
        self._under_way: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Return after a run that began after this call; raise what it raised."""
        if self._waiting is None:
            self._waiting = asyncio.create_task(self._start(self._under_way))
        await asyncio.shield(self._waiting)  # the end of one request is not that of the others

    async def _start(self, previous: asyncio.Task[None] | None) -> None:
        if previous is not None:
            await asyncio.wait([previous])
        self._under_way, self._waiting = self._waiting, None
        await self._catch_up()
