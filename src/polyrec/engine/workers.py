"""Do independent pieces of work side by side, results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def map_ordered(
    function: Callable[[Given], Made], inputs: Iterable[Given], *, workers: int | None = None
) -> Iterator[Made]:
    """Yield function(input) for each input, in order, a few ahead in threads.

    Decoders release the interpreter lock, so threads scale. At most 4 inputs per worker are under
    way; an exception comes up where its result would have.

    >>> list(map_ordered(str.upper, "abc", workers=2))
    ['A', 'B', 'C']
    """
    count = workers or os.cpu_count() or 1
    with ThreadPoolExecutor(count) as pool:
        waiting: deque[Future[Made]] = deque()
        for given in inputs:
            waiting.append(pool.submit(function, given))
            if len(waiting) >= 4 * count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
