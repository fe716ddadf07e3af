"""Run independent tasks in threads, results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Input = TypeVar("Input")
Output = TypeVar("Output")


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_ordered(
    function: Callable[[Input], Output],
    inputs: Iterable[Input],
    *,
    workers: int | None = None,
    ahead: int | None = None,
) -> Iterator[Output]:
    """Yield function(input) for each input, in order, computed ahead in threads.

    Decoders release the interpreter lock, so threads scale. At most `ahead` inputs (by default 4
    per worker) are in progress; an exception is raised at the position of its result.

    >>> list(map_ordered(str.upper, "abc", workers=2))
    ['A', 'B', 'C']
    """
    count = workers or cores()
    limit = max(count, ahead or 4 * count)
    with ThreadPoolExecutor(count) as pool:
        waiting: deque[Future[Output]] = deque()
        try:
            for item in inputs:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= limit:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            # a consumer that stops early does not wait for results that it won't read
            for future in waiting:
                future.cancel()
