"""How much more do two workers read and write than one?

    OMP_NUM_THREADS=1 python -m benchmarks.serving.two_workers [--items 10000] [--rounds 5]

`polyrec serve` with one worker and with two, in turns, over SQLite and a private PostgreSQL
(Debian's programs): lists for users with histories of 30, then batches of 10 events. The load comes
from wrk (Debian's) over loopback; it shares the processors, and so does PostgreSQL. `control` is a
bare route that does the same arithmetic, with one and two workers under the same client: what these
processors allow. `ratio` is the median over the rounds of two workers / one. `cpu_ms` is the
workers' processor time per response. Results: two_workers.json.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.library.live_service import LiveService
from benchmarks.library.postgres import Postgres, private_postgres
from benchmarks.library.results import save_results
from benchmarks.library.server_process import free_port, processor_seconds
from benchmarks.library.worker_processes import owner_of, workers_of
from benchmarks.library.wrk import READS, WRITES, run_wrk
from benchmarks.serving.bundles import USERS, random_bundle
from benchmarks.serving.requests import EVENTS_PER_BATCH

CONNECTIONS = 16
SETTLE_S, INDEX_S = 5, 1e-4  # encoders and the index of words are made after the start
WARM_UP_S = 8  # every worker loads the histories of all users

Row = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=4, help="of each load")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with private_postgres() as server, tempfile.TemporaryDirectory() as folder:
        save_results("two_workers", measure(options, Path(folder), server))


def measure(options: argparse.Namespace, folder: Path, server: Postgres) -> dict[str, Any]:
    """Return what one and two workers reach, and their ratios."""
    dense = options.items <= 20_000
    bundle = random_bundle(options.items, folder, dense=dense).save(folder / "bundle")
    read = partial(run_wrk, script=READS, connections=CONNECTIONS, users=USERS)
    write = partial(
        run_wrk, script=WRITES, connections=CONNECTIONS, users=USERS, items=options.items,
        events=EVENTS_PER_BATCH,
    )  # fmt: skip
    rounds: list[dict[str, list[Row]]] = []
    for number in range(options.rounds):
        rounds.append({})
        for workers in (1, 2):
            name = f"workers_{number}_{workers}"
            sqlite, remote = f"sqlite:///{folder / name}", server.database(name)
            plans = (("", {"control": read}), (sqlite, {"reads, SQLite": read}),
                     (remote, {"reads": read, "writes": write}))  # fmt: skip
            for database, loads in plans:
                with serve(bundle, database, workers, options.items) as (pid, port):
                    for kind, load in loads.items():
                        row = rate_of(load, pid, port, workers, options.seconds)
                        rounds[-1].setdefault(kind, []).append(row)
        print(rounds[-1], flush=True)
    return {"items": options.items, **{kind: summary(kind, rounds) for kind in rounds[0]}}


def summary(kind: str, rounds: list[dict[str, list[Row]]]) -> dict[str, Any]:
    """Return the rounds of one kind, each with one worker and with two, and the median ratio."""
    pairs = [rows[kind] for rows in rounds]
    ratio = np.median([two["per_second"] / one["per_second"] for one, two in pairs])
    return {"one_and_two": pairs, "ratio": round(float(ratio), 2)}


def rate_of(load: Any, pid: int, port: int, workers: int, seconds: int) -> Row:
    """Return what the second of two loads reaches; the first one warms up."""
    load(port, seconds=WARM_UP_S)
    pids = workers_of(pid) if workers > 1 else [pid]
    before = sum(map(processor_seconds, pids))
    result = load(port, seconds=seconds)
    used = sum(map(processor_seconds, pids)) - before
    assert not result.failed, f"{result.failed} responses were not 200"
    cpu_ms = 1000 * used / (result.per_second * seconds)
    return {
        "per_second": result.per_second,
        "cpu_ms": round(cpu_ms, 3),
        "client_cores": result.client_cores,
    }


@contextmanager
def serve(bundle: Path, database: str, workers: int, items: int) -> Iterator[tuple[int, int]]:
    """Serve with so many workers, the bare route without a database; yield process and port."""
    settle_s = SETTLE_S + items * INDEX_S
    if database:
        log = bundle.with_name("log")
        with LiveService(bundle, database, "--workers", str(workers), log=log) as service:
            time.sleep(settle_s)
            yield service.pid, service.port
        return
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.serving.bare_workers", str(bundle),
               "--port", str(port), "--workers", str(workers)]  # fmt: skip
    process = subprocess.Popen(command, start_new_session=True)
    try:
        wait_for_workers(process.pid, port, workers)
        time.sleep(settle_s)
        yield process.pid, port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for_workers(pid: int, port: int, workers: int) -> None:
    """Wait until a connection was answered by each worker."""
    answered: set[int] = set()
    while len(answered) < workers:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as connection:
            answered.add(owner_of(connection.getsockname()[1]) if workers > 1 else pid)
        time.sleep(0.1)


if __name__ == "__main__":
    main()
