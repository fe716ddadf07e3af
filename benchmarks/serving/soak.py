"""Does memory stay flat, and does no request fail, under a long mixed load with bundle swaps?

    OMP_NUM_THREADS=1 python -m benchmarks.serving.soak [--requests N] [--pieces 10] [--swaps 5]

One worker over SQLite, 10,000 items with text and images, eight closed-loop connections that send
200,000 requests. Of a hundred, 63 ask for recommendations, 15 send batches of ten events, 10 are
sessions, 5 ask for an item's neighbours, 3 change an item's categories, and one each changes an
item's text, uploads an image, inserts one of two hundred new items, and checks the health. The load
runs in pieces; swaps are spread over them, each at the start of a piece, under load. Measured is
the resident memory after each piece, and its growth since the piece with the first swap, when two
bundles were in memory for the first time.
"""

import argparse
import itertools
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from benchmarks.library.http_load import closed_loop
from benchmarks.library.results import save_results
from benchmarks.library.server_process import ServerProcess, resident_mb
from benchmarks.serving.bundles import save_trained_bundles
from benchmarks.serving.requests import drain_queue, event_batches, mixed_requests
from polyrec.artifact.bundle_registry import BundleRegistry
from polyrec.serve.app import create_app
from polyrec.serve.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--pieces", type=int, default=10)
    parser.add_argument("--swaps", type=int, default=5)
    parser.add_argument("--items", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        save_trained_bundles(Path(folder), options.items)
        save_results("soak", measure(Path(folder), options))


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of every piece, and the growth of memory."""
    settings = Settings(folder, database=f"sqlite:///{folder / 'service.sqlite'}")
    swap_pieces = spread_swaps(options.swaps, options.pieces)
    requests = mixed_requests(options.items, event_batches(options.items))
    pieces: list[dict[str, Any]] = []
    with ServerProcess(partial(create_app, settings)) as server:
        for number in range(options.pieces):
            swap = (
                BundleSwap(BundleRegistry(folder), server.port) if number in swap_pieces else None
            )
            piece = itertools.islice(requests, options.requests // options.pieces)
            load = closed_loop(server.port, piece, connections=8, seconds=3600)
            pieces.append(
                {
                    "requests": len(load.latencies_ms),
                    "failed": load.failed,
                    "per_second": round(load.per_second, 1),
                    "p50_ms": round(load.quantile_ms(0.5), 1),
                    "p99_ms": round(load.quantile_ms(0.99), 1),
                    "swapped": swap.wait() if swap else None,
                    "resident_mb": round(resident_mb(server.pid), 1),
                }
            )
            print(pieces[-1], flush=True)
        queued = drain_queue(server.port)
    memory = [piece["resident_mb"] for piece in pieces]
    warm = swap_pieces[0] if swap_pieces else 0
    return {
        "items": options.items,
        "requests": sum(piece["requests"] for piece in pieces),
        "failed": sum(piece["failed"] for piece in pieces),
        "swaps": options.swaps,
        "uploads that still waited at the end": queued,
        "resident_mb": memory,
        "growth_after_warm_up": round(memory[-1] / memory[warm] - 1, 4),
        "pieces": pieces,
    }


def spread_swaps(swaps: int, pieces: int) -> list[int]:
    """Return the pieces that start with a swap: neither the first nor the last."""
    if swaps > max(0, pieces - 2):
        raise SystemExit(f"{swaps} swaps need at least {swaps + 2} pieces")
    return [1 + swap * (pieces - 2) // max(1, swaps) for swap in range(swaps)]


class BundleSwap:
    """A swap to the other of two bundles; the constructor starts it."""

    def __init__(self, registry: BundleRegistry, port: int) -> None:
        self._version = "000002" if registry.history()[-1] == "000001" else "000001"
        self._port = port
        registry.set_current(self._version)

    def wait(self) -> str:
        """Wait until the bundle is served; return whether that happened under load."""
        if self._is_served():
            return "under load"
        while not self._is_served():
            time.sleep(0.1)
        return "after the load"

    def _is_served(self) -> bool:
        url = f"http://127.0.0.1:{self._port}/api/model"
        return bool(httpx.get(url, timeout=60).json()["Version"] == self._version)


if __name__ == "__main__":
    main()
