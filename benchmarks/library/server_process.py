"""A web application in a process of its own, and what the process costs (Linux)."""

import multiprocessing
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from benchmarks.library.http_load import LoadResult


def free_port() -> int:
    """Return a port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS in /proc: this benchmark needs Linux")


class ServerProcess:
    """A context manager that runs an application under uvicorn, one worker, on `port`."""

    def __init__(self, make_app: Callable[[], ASGIApp]) -> None:
        self.port = free_port()
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_serve, args=(make_app, self.port))

    def __enter__(self) -> Self:
        self._process.start()
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.1)

    @property
    def pid(self) -> int:
        """Return the process id."""
        return int(self._process.pid or 0)

    def measure(self, load: Callable[[int], LoadResult]) -> dict[str, float]:
        """Return what a load on the port reaches, and the processor time of one response."""
        before = processor_seconds(self.pid)
        result = load(self.port)
        responses = max(1, len(result.latencies_ms))
        return {
            "per_second": round(result.per_second, 1),
            "cpu_ms": round(1000 * (processor_seconds(self.pid) - before) / responses, 4),
            "p50_ms": round(result.quantile_ms(0.5), 2),
            "p99_ms": round(result.quantile_ms(0.99), 2),
            "failed": result.failed,
        }

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()


def _serve(make_app: Callable[[], ASGIApp], port: int) -> None:
    uvicorn.run(make_app, factory=True, port=port, log_level="error", access_log=False)


def reset_peak_mb(pid: int) -> float:
    """Let the peak of a process's resident memory start now; return what it has."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="utf-8")
    return resident_mb(pid)


def peak_mb(pid: int) -> float:
    """Return the peak of a process's resident memory since it was reset."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))
