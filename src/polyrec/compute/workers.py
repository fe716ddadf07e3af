"""Do independent pieces of work side by side, results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_ordered(
    function: Callable[[Given], Made],
    inputs: Iterable[Given],
    *,
    workers: int | None = None,
    ahead: int | None = None,
) -> Iterator[Made]:
    """Yield function(input) for each input, in order, some ahead in threads.

    Decoders release the interpreter lock, so threads scale. At most `ahead` inputs (by default 4
    per worker) are under way; an exception comes up where its result would have.

    >>> list(map_ordered(str.upper, "abc", workers=2))
    ['A', 'B', 'C']
    """
    count = workers or cores()
    most = max(count, ahead or 4 * count)
    with ThreadPoolExecutor(count) as pool:
        waiting: deque[Future[Made]] = deque()
        try:
            for given in inputs:
                waiting.append(pool.submit(function, given))
                if len(waiting) >= most:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            # a run that stops here doesn't wait for what nobody will read
            for future in waiting:
                future.cancel()
