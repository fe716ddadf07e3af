"""What a run cost, and on what it ran."""

from __future__ import annotations

import math
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

from polyrec import __version__

Times: TypeAlias = dict[str, float]


@dataclass
class Stopwatch:
    """Seconds per stage.

    >>> watch = Stopwatch()
    >>> with watch.stage("fit"):
    ...     pass
    >>> list(watch.seconds)
    ['fit']
    """

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time spent inside to a stage."""
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def latency(ask: Callable[[int, int], object], count: int, *, budget_s: float = 4.0) -> Times:
    """Return how long answers take: `single_median_ms`, `single_p95_ms`, `batch_per_s`.

    `ask(first, stop)` answers for some of `count` > 0 questions at once. It is asked once to warm
    up, then for one after the other until the budget is spent, then for all in one batch.
    """
    ask(0, 1)
    start = time.perf_counter()
    singles = []
    for first in range(count):
        begun = time.perf_counter()
        ask(first, first + 1)
        singles.append(time.perf_counter() - begun)
        if time.perf_counter() - start > budget_s:
            break
    begun = time.perf_counter()
    ask(0, count)
    seconds = max(time.perf_counter() - begun, 1e-9)
    return {
        "single_median_ms": 1e3 * statistics.median(singles),
        "single_p95_ms": 1e3 * sorted(singles)[math.ceil(0.95 * len(singles)) - 1],
        "batch_per_s": count / seconds,
    }


def peak_memory_mb() -> float:
    """Return the most memory that this process has held, in MB."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would count the parent's memory at the fork, too
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 2**10  # bytes there, kibibytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def versions() -> dict[str, str]:
    """Return the versions that a figure depends on."""
    libraries = {name: version(name) for name in ("numpy", "scipy", "polars")}
    return {"polyrec": __version__, "python": platform.python_version(), **libraries}
