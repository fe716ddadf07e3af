"""Workers share a socket and hold about as many connections each."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.library.worker_processes import owner_of, workers_of
from polyrec.serve import fair_accept
from polyrec.serve.fair_accept import ConnectionCounts, FairServer
from running import Running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

HOLD = """
import sys
from pathlib import Path
from polyrec.serve.fair_accept import ConnectionCounts
counts = ConnectionCounts(Path(sys.argv[1]))
print(counts.is_lowest(int(sys.argv[2])), flush=True)
sys.stdin.read()
"""


def worker_with(count: int, file: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", HOLD, str(file), str(count)]
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert worker.stdout is not None
    assert worker.stdout.readline()
    return worker


def test_the_lowest_count_is_of_living_workers_only(tmp_path: Path) -> None:
    with worker_with(3, tmp_path / "counts") as worker:
        counts = ConnectionCounts(tmp_path / "counts")
        assert [counts.is_lowest(n) for n in (2, 3, 4, 0)] == [True, True, False, True]
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    assert counts.is_lowest(4)
    with worker_with(5, tmp_path / "counts") as worker:  # it has the slot of the killed one
        assert [counts.is_lowest(n) for n in (5, 6)] == [True, False]
        worker.communicate()


class NeverLowest(ConnectionCounts):
    """The counts of a worker that always has too many."""

    def is_lowest(self, count: int) -> bool:
        return False


def serve_and_connect(counts: ConnectionCounts, number: int) -> list[float]:
    """Return after how many seconds each of some connections was accepted."""
    accepted: list[float] = []

    class Noted(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            accepted.append(time.perf_counter() - start)
            transport.close()

    async def run() -> None:
        listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        listening.setblocking(False)
        server = FairServer(Noted, listening, [], counts)
        clients = [socket.create_connection(listening.getsockname()) for _ in range(number)]
        async with asyncio.timeout(10):
            while len(accepted) < number:
                await asyncio.sleep(0.001)
        server.close()
        for opened in (*clients, listening):
            opened.close()

    start = time.perf_counter()
    asyncio.run(run())
    return accepted


def test_a_connection_is_left_to_others_for_a_moment_only(tmp_path: Path) -> None:
    accepted = serve_and_connect(NeverLowest(tmp_path / "counts"), 40)
    assert accepted[0] >= fair_accept._YIELD_S * 0.9
    assert accepted[-1] < 5  # twice as many each time


def test_too_many_open_files_leave_a_connection_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [OSError(24, "too many open files")] * 2
    accept = socket.socket.accept

    def fail_first(listening: socket.socket) -> tuple[socket.socket, object]:
        if failures:
            raise failures.pop()
        return accept(listening)

    monkeypatch.setattr(socket.socket, "accept", fail_first)
    assert serve_and_connect(ConnectionCounts(tmp_path / "counts"), 1)[0] > fair_accept._RETRY_S


def answered(port: int, count: int) -> list[socket.socket]:
    """Return connections, opened at once, after a response on each."""
    connections = [socket.create_connection(("127.0.0.1", port), 30) for _ in range(count)]
    for connection in connections:
        connection.sendall(b"GET /api/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
    for connection in connections:
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    return connections


def test_workers_share_connections_and_a_killed_one_holds_nobody_up(
    bundle_folder: Path, tmp_path: Path
) -> None:
    service = Running(bundle_folder, f"sqlite:///{tmp_path / 'service.sqlite'}", "--workers", "2")
    with ExitStack() as stack:
        owners: Counter[int] = Counter()
        while len(owners) < 2:  # the second one may start later
            for connection in answered(service.port, 8):
                stack.enter_context(connection)
                owners[owner_of(connection.getsockname()[1])] += 1
        for connection in answered(service.port, 8):
            stack.enter_context(connection)
            owners[owner_of(connection.getsockname()[1])] += 1
        assert min(owners.values()) >= 4
        worker, other = owners
        os.kill(worker, signal.SIGSTOP)
        waiting = [stack.enter_context(opened) for opened in answered(service.port, 20)]
        time.sleep(0.6)  # the supervisor waits for its sign of life
        os.kill(worker, signal.SIGKILL)
        end = time.monotonic() + 30
        while len(set(workers_of(service.process.pid)) - {worker}) < 2:  # it is replaced at once
            assert time.monotonic() < end
            time.sleep(0.1)
        waiting += [stack.enter_context(opened) for opened in answered(service.port, 20)]
        assert {owner_of(opened.getsockname()[1]) for opened in waiting} == {other}
    service.kill()
