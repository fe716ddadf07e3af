"""Does memory stay flat, and is nothing refused, under a long mixed load with hot swaps in it?

    OMP_NUM_THREADS=1 python -m benchmarks.serving.soak [--requests N] [--pieces 10] [--swaps 5]

One worker over SQLite, 10,000 items with text and pictures (`fresh_items.make`), eight connections
that ask again as soon as they are answered. Of a hundred requests 63 are recommendations, 15
batches of ten events, 10 sessions, 5 neighbours of an item, 3 items with other categories, one each
an item with another text, an uploaded picture, an item of two hundred that come beside the
catalogue, and a look at the health. Swaps are spread over the pieces: at the beginning of one the
pointer goes to the other copy of the bundle, under load. Told is the resident memory after each
piece, and how far the last lies above that after the first swap, when two bundles were held for
the first time.
"""

import argparse
import itertools
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import numpy as np

from benchmarks.library.http_load import closed, request
from benchmarks.library.results import save_results
from benchmarks.serving import fresh_items
from benchmarks.serving.throughput import USERS, Server, events
from polyrec.artifact.bundle_registry import BundleRegistry
from polyrec.serve.app import create_app
from polyrec.serve.settings import Settings

ITEMS, NEW = 10_000, 200
SHARES = {"recommend": 63, "events": 15, "session": 10, "neighbours": 5, "change": 3, "text": 1,
          "picture": 1, "new": 1, "health": 1}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--pieces", type=int, default=10)
    parser.add_argument("--swaps", type=int, default=5)
    parser.add_argument("--items", type=int, default=ITEMS)
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        fresh_items.make(folder, chosen.items)
        save_results("soak", measure(folder, chosen))
    finally:
        shutil.rmtree(folder)


def measure(folder: Path, chosen: argparse.Namespace) -> dict[str, object]:
    settings = Settings(folder, database=f"sqlite:///{folder / 'service.sqlite'}")
    swapping = spread(chosen.swaps, chosen.pieces)
    source = mixed(chosen.items, events(chosen.items))
    told: list[dict[str, object]] = []
    with Server(partial(create_app, settings)) as server:
        for number in range(chosen.pieces):
            piece = itertools.islice(source, chosen.requests // chosen.pieces)
            swap = Swap(BundleRegistry(folder), server.port) if number in swapping else None
            met = closed(server.port, piece, connections=8, seconds=3600)
            told.append(
                {
                    "requests": len(met.milliseconds),
                    "failed": met.failed,
                    "per_second": round(met.per_second, 1),
                    "p50_ms": round(met.at(0.5), 1),
                    "p99_ms": round(met.at(0.99), 1),
                    "swapped": None if swap is None else swap.done(),
                    "resident_mb": round(resident_mb(server.pid), 1),
                }
            )
            print(told[-1], flush=True)
        queued = settle(server.port)
    memory = [piece["resident_mb"] for piece in told]
    warm = swapping[0] if swapping else 0
    return {
        "items": chosen.items,
        "requests": sum(piece["requests"] for piece in told),
        "failed": sum(piece["failed"] for piece in told),
        "swaps": chosen.swaps,
        "uploads that still waited at the end": queued,
        "resident_mb": memory,
        "growth_after_warm_up": round(memory[-1] / memory[warm] - 1, 4),
        "pieces": told,
    }


def spread(swaps: int, pieces: int) -> list[int]:
    """Return in which pieces there is a swap: neither in the first nor in the last."""
    if swaps > max(0, pieces - 2):
        raise SystemExit(f"{swaps} swaps need at least {swaps + 2} pieces")
    return [1 + swap * (pieces - 2) // max(1, swaps) for swap in range(swaps)]


class Swap:
    """Puts the other of two bundles in the place of the one that is served."""

    def __init__(self, shelf: BundleRegistry, port: int) -> None:
        self._name = "000002" if shelf.way()[-1] == "000001" else "000001"
        self._port = port
        shelf.advance(self._name)

    def done(self) -> str:
        """Return when the other bundle took over: under the load that was met, or after it."""
        if self._served():
            return "under load"
        while not self._served():
            time.sleep(0.1)
        return "after the load"

    def _served(self) -> bool:
        url = f"http://127.0.0.1:{self._port}/api/model"
        return bool(httpx.get(url, timeout=60).json()["Version"] == self._name)


def settle(port: int) -> int:
    """Return how many items waited to be read; none does when this returns."""
    first = waiting = _queued(port)
    while waiting:
        time.sleep(0.1)
        waiting = _queued(port)
    return first


def _queued(port: int) -> int:
    figures = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60).text
    lines = (line for line in figures.splitlines() if line.startswith("polyrec_items{"))
    return sum(int(float(line.split()[-1])) for line in lines if 'status="queued"' in line)


def mixed(items: int, batches: Iterator[bytes]) -> Iterator[bytes]:
    """Yield requests of all kinds, in an order drawn once (seed 3); events are of `batches`."""
    draw = np.random.default_rng(3)
    told = fresh_items.texts(NEW, draw)
    pictures = [fresh_items.picture(draw) for _ in range(20)]
    kinds = [kind for kind, share in SHARES.items() for _ in range(share)]
    makers = {
        "recommend": lambda _: request("GET", f"/api/recommend/user-{draw.integers(USERS):05d}"),
        "events": lambda _: next(batches),
        "session": lambda _: _sent("POST", "/api/session/recommend", [
            {"ItemId": f"item-{i:06d}"} for i in draw.integers(0, items, 5)
        ]),
        "neighbours": lambda item: request("GET", f"/api/item/{item}/neighbors/"),
        "change": lambda item: _sent("PATCH", f"/api/item/{item}", {
            "Categories": [f"c{draw.integers(20)}"]
        }),
        "text": lambda item: _sent("PATCH", f"/api/item/{item}", {
            "Comment": fresh_items.texts(1, draw)[0]
        }),
        "picture": lambda item: request(
            "PUT", f"/api/item/{item}/media/image", pictures[draw.integers(len(pictures))]
        ),
        "new": lambda _: _new(int(draw.integers(NEW)), told),
        "health": lambda _: request("GET", "/api/health/live"),
    }  # fmt: skip
    while True:
        for kind in draw.permutation(kinds):
            yield makers[kind](f"item-{draw.integers(items):06d}")


def _new(number: int, told: list[str]) -> bytes:
    return _sent("POST", "/api/item", {"ItemId": f"new-{number:03d}", "Comment": told[number]})


def _sent(method: str, path: str, body: object) -> bytes:
    return request(method, path, json.dumps(body).encode())


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS: this benchmark needs Linux")


if __name__ == "__main__":
    main()
