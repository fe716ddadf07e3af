"""The workers of a service: find them, kill them, and tell whose a connection is (Linux)."""

import os
import random
import signal
import time
from pathlib import Path


def workers_of(pid: int) -> list[int]:
    """Return the process ids of the workers of a running service."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in _command(int(child))]


def kill_worker(pid: int, generator: random.Random) -> int:
    """Kill one of a service's workers with SIGKILL; return its process id."""
    worker = generator.choice(workers_of(pid))
    os.kill(worker, signal.SIGKILL)
    while b"spawn_main" in _command(worker):
        time.sleep(0.005)
    return worker


def owner_of(client_port: int) -> int:
    """Return the process that holds the server's end of a loopback connection, 0 if none does."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[2].rpartition(":")[2], 16) == client_port:
            return _holder(f"socket:[{fields[9]}]")
    return 0


def _holder(socket: str) -> int:
    for folder in Path("/proc").glob("[0-9]*/fd"):
        try:
            if any(str(number.readlink()) == socket for number in folder.iterdir()):
                return int(folder.parent.name)
        except OSError:  # the process or the file is gone
            continue
    return 0


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
