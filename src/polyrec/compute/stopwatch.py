"""Measure the time and memory of a run; name the versions it ran on."""

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
    """Counts seconds per stage.

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


def measure_latency(
    run: Callable[[int, int], object], count: int, *, budget_s: float = 4.0
) -> Times:
    """Return `single_median_ms`, `single_p95_ms` and `batch_per_s` of `count` > 0 requests.

    `run(first, stop)` processes requests first..stop-1 at once. It runs once to warm up, then for
    single requests until the budget is spent, then for all of them in one batch.
    """
    run(0, 1)
    start = time.perf_counter()
    singles = []
    for first in range(count):
        begin = time.perf_counter()
        run(first, first + 1)
        singles.append(time.perf_counter() - begin)
        if time.perf_counter() - start > budget_s:
            break
    begin = time.perf_counter()
    run(0, count)
    seconds = max(time.perf_counter() - begin, 1e-9)
    return {
        "single_median_ms": 1e3 * statistics.median(singles),
        "single_p95_ms": 1e3 * sorted(singles)[math.ceil(0.95 * len(singles)) - 1],
        "batch_per_s": count / seconds,
    }


def peak_memory_mb() -> float:
    """Return the peak memory of this process, in MB."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage counts the parent's memory at the fork, too
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 2**10  # bytes there, kibibytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def versions() -> dict[str, str]:
    """Return the versions that measurements depend on."""
    libraries = {name: version(name) for name in ("numpy", "scipy", "polars")}
    return {"polyrec": __version__, "python": platform.python_version(), **libraries}
