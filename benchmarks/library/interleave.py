"""Timing by turns, so that a noisy machine disturbs every function alike."""

import time
from collections.abc import Callable


def best_of(
    rounds: int,
    *functions: Callable[[], object],
    clock: Callable[[], float] = time.process_time,
) -> list[float]:
    """Return the fewest seconds that each function took in so many rounds."""
    best = [float("inf")] * len(functions)
    for _ in range(rounds):
        for index, function in enumerate(functions):
            start = clock()
            function()
            best[index] = min(best[index], clock() - start)
    return best
