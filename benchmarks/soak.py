"""Does memory stay flat, and is nothing refused, under a long mixed load?

    OMP_NUM_THREADS=1 python benchmarks/soak.py [--requests 200000] [--pieces 10]

One worker over SQLite, 10,000 items, eight connections that ask again as soon as they are answered:
of twenty requests thirteen are recommendations, three batches of ten events, two sessions, one
neighbours of an item, one an item that is changed. The first piece warms up; the resident memory
after each of the others is told, and by how much the last exceeds the first of them.
"""

import argparse
import itertools
import json
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from load import closed, request
from polyrec.serve.app import create_app
from polyrec.serve.settings import Settings
from record import record
from serve import USERS, Server, bundle_of, events

ITEMS = 10_000
KINDS = ["recommend"] * 13 + ["events"] * 3 + ["session"] * 2 + ["neighbours"] + ["change"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--pieces", type=int, default=10)
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        record("soak", measure(chosen.requests, chosen.pieces, folder))
    finally:
        shutil.rmtree(folder)


def measure(requests: int, pieces: int, folder: Path) -> dict[str, object]:
    bundle = bundle_of(ITEMS, folder).save(folder / "bundle")
    settings = Settings(bundle, f"sqlite:///{folder / 'service.sqlite'}")
    source = mixed(ITEMS)
    memory, failed, answered = [], 0, 0
    with Server(partial(create_app, settings)) as server:
        for _ in range(pieces):
            piece = itertools.islice(source, requests // pieces)
            met = closed(server.port, piece, connections=8, seconds=3600)
            failed += met.failed
            answered += len(met.milliseconds)
            memory.append(round(resident_mb(server.pid), 1))
            print(f"{answered:,} answered, {failed} failed, {memory[-1]} MB", flush=True)
    return {
        "requests": answered,
        "failed": failed,
        "resident_mb": memory,
        "growth_after_warm_up": round(memory[-1] / memory[1] - 1, 4),
    }


def mixed(items: int) -> Iterator[bytes]:
    """Yield requests of all kinds, in an order drawn once (seed 3)."""
    draw = np.random.default_rng(3)
    batches = events(items)
    while True:
        for kind in draw.permutation(KINDS):
            item = f"item-{draw.integers(items):06d}"
            if kind == "recommend":
                yield request("GET", f"/api/recommend/user-{draw.integers(USERS):05d}?n=20")
            elif kind == "events":
                yield next(batches)
            elif kind == "session":
                body = [{"ItemId": f"item-{i:06d}"} for i in draw.integers(0, items, 5)]
                yield request("POST", "/api/session/recommend", json.dumps(body).encode())
            elif kind == "neighbours":
                yield request("GET", f"/api/item/{item}/neighbors/")
            else:
                body = {"Categories": [f"c{draw.integers(20)}"]}
                yield request("PATCH", f"/api/item/{item}", json.dumps(body).encode())


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS: this benchmark needs Linux")


if __name__ == "__main__":
    main()
