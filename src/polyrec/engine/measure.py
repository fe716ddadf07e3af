"""What a run cost, and on what it ran."""

from __future__ import annotations

import platform
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from polyrec import __version__


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
