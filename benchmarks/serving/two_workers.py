"""How much more do two workers read and write than one?

    OMP_NUM_THREADS=1 python -m benchmarks.serving.two_workers [--items 10000] [--rounds 5]

`polyrec serve` with one worker and with two, in turns, over SQLite and a private PostgreSQL
(Debian's programs): lists for users with histories of 30, then batches of 10 events. The load comes
from this process over loopback and shares the machine's processors: with two of them, what it takes
is missing at the second worker. `ratio` is the median over the rounds of two workers / one.
Results: two_workers.json.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.library.http_load import LoadResult, closed_loop
from benchmarks.library.live_service import LiveService
from benchmarks.library.postgres import Postgres, private_postgres
from benchmarks.library.results import save_results
from benchmarks.serving.bundles import random_bundle
from benchmarks.serving.requests import event_batches, recommend_requests

CONNECTIONS = 16
SETTLE_S, INDEX_S = 5, 1e-4  # encoders and the index of words are made after the start


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=3, help="of each load")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with private_postgres() as server, tempfile.TemporaryDirectory() as folder:
        save_results("two_workers", measure(options, Path(folder), server))


def measure(options: argparse.Namespace, folder: Path, server: Postgres) -> dict[str, Any]:
    """Return requests per second of one and of two workers, and their ratios."""
    dense = options.items <= 20_000
    bundle = random_bundle(options.items, folder, dense=dense).save(folder / "bundle")
    batches = event_batches(options.items)  # shared by all rounds: no event is sent twice

    def read(port: int) -> LoadResult:
        requests = recommend_requests()
        return closed_loop(port, requests, connections=CONNECTIONS, seconds=options.seconds)

    def write(port: int) -> LoadResult:
        return closed_loop(port, batches, connections=CONNECTIONS, seconds=options.seconds)

    rates: dict[str, list[list[float]]] = {"reads, SQLite": [], "reads": [], "writes": []}
    for number in range(options.rounds):
        pairs: dict[str, list[float]] = {name: [] for name in rates}
        for workers in (1, 2):
            name = f"workers_{number}_{workers}"
            with serve(bundle, f"sqlite:///{folder / name}", workers, options.items) as service:
                pairs["reads, SQLite"].append(second_rate(read, service.port))
            with serve(bundle, server.database(name), workers, options.items) as service:
                pairs["reads"].append(second_rate(read, service.port))
                pairs["writes"].append(second_rate(write, service.port))
        for name, pair in pairs.items():
            rates[name].append(pair)
    return {
        "items": options.items,
        **{
            name: {
                "per_second_one_and_two": rows,
                "ratio": round(float(np.median([two / one for one, two in rows])), 2),
            }
            for name, rows in rates.items()
        },
    }


@contextmanager
def serve(bundle: Path, database: str, workers: int, items: int) -> Iterator[LiveService]:
    """Serve with so many workers; what is made after the start is waited for."""
    log = bundle.with_name("log")
    with LiveService(bundle, database, "--workers", str(workers), log=log) as service:
        time.sleep(SETTLE_S + items * INDEX_S)
        yield service


def second_rate(load: Callable[[int], LoadResult], port: int) -> float:
    """Return the responses per second of the second of two loads; the first one warms up."""
    load(port)
    result = load(port)
    assert not result.failed, f"{result.failed} responses were not 200"
    return round(float(result.per_second), 1)


if __name__ == "__main__":
    main()
