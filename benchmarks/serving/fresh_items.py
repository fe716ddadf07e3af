"""How soon is a new item recommendable, and does a bundle swap fail any request?

    export OMP_NUM_THREADS=1
    python -m benchmarks.serving.fresh_items make FOLDER [--items 10000] [--text lsa]
    python -m benchmarks.serving.fresh_items run FOLDER [--uploads 40] [--swaps 5] [--rate 20]

`make` trains a bundle on a random catalogue (seed 7): texts of random words, encoded by `lsa` or
`minilm` (6 layers, width 384), images, and 30 events of each of 2,000 users. `run` serves it with
one worker, while another process requests recommendations at a fixed rate (per second). A new item
is inserted with its text, then its image (a PNG of 256 x 256) is uploaded. The time counts from the
first byte of the insert until its status is live: from then on it is recommended, which is checked.
Then the pointer to the current bundle moves between two copies of it. Results: serve_fresh*.json.
"""

import argparse
import itertools
import multiprocessing
import time
from functools import partial
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.library.http_load import open_loop
from benchmarks.library.results import save_results
from benchmarks.library.server_process import ServerProcess
from benchmarks.serving.bundles import (
    USERS,
    point_to_first,
    random_image,
    random_texts,
    save_trained_bundles,
)
from benchmarks.serving.requests import recommend_request
from polyrec.artifact.bundle import Bundle
from polyrec.artifact.bundle_registry import BundleRegistry
from polyrec.serve.app import create_app
from polyrec.serve.settings import Settings

DEFAULT_RATE = 20.0
LOAD_START_S = 3.0
"""Seconds until a background load has started."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["make", "run"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--text", choices=["lsa", "minilm"], default="lsa")
    parser.add_argument("--uploads", type=int, default=40)
    parser.add_argument("--swaps", type=int, default=5)
    parser.add_argument("--rate", type=float, default=DEFAULT_RATE)
    options = parser.parse_args()
    if options.command == "make":
        options.folder.mkdir(parents=True)
        save_trained_bundles(options.folder, options.items, text=options.text)
        return
    text = Bundle.load(options.folder / "000001").config.encode["text"].use
    name = "serve_fresh"
    name += "" if text == "lsa" else f"_{text}"
    name += "" if options.rate == DEFAULT_RATE else f"_{options.rate:g}"
    figures = measure(options.folder, options.uploads, options.swaps, rate=options.rate)
    save_results(name, {"text": text, "rate": options.rate, **figures})


def measure(folder: Path, uploads: int, swaps: int, *, rate: float) -> dict[str, Any]:
    """Return the seconds of uploads and of swaps, and what a load met beside each."""
    for file in folder.glob("service.sqlite*"):
        if file.is_file():
            file.unlink()
    point_to_first(folder)
    settings = Settings(folder, database=f"sqlite:///{folder / 'service.sqlite'}")
    generator = np.random.default_rng(8)
    registry = BundleRegistry(folder)
    with ServerProcess(partial(create_app, settings)) as server:
        client = httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60)
        first = upload(client, "warm-up", generator)
        load = BackgroundLoad(server.port, LOAD_START_S + uploads * 1.5, rate)
        upload_s = [upload(client, f"new-{i:04d}", generator) for i in range(uploads)]
        beside_uploads = load.result()
        load = BackgroundLoad(server.port, LOAD_START_S + swaps * 12.0, rate)
        swap_s = [swap(client, registry, f"{1 + (i + 1) % 2:06d}") for i in range(swaps)]
        beside_swaps = load.result()
        items = client.get("/api/model").json()["Items"]
    return {
        "items": items,
        "first upload s": round(first, 2),
        "upload to recommendable s": {
            "median": round(float(np.median(upload_s)), 3),
            "p90": round(float(np.quantile(upload_s, 0.9)), 3),
            "worst": round(max(upload_s), 3),
        },
        "requests beside uploads": beside_uploads,
        "swaps": swaps,
        "seconds per swap": [round(seconds, 1) for seconds in swap_s],
        "requests beside swaps": beside_swaps,
    }


def upload(client: httpx.Client, item: str, generator: np.random.Generator) -> float:
    """Return the seconds from the insert of an item until it is live, and check its neighbours."""
    body = {"ItemId": item, "Comment": random_texts(1, generator)[0]}
    content = random_image(generator)
    start = time.perf_counter()
    client.post("/api/item", json=body).raise_for_status()
    client.put(f"/api/item/{item}/media/image", content=content).raise_for_status()
    while (status := client.get(f"/api/item/{item}/status").json())["Status"] == "queued":
        time.sleep(0.01)
    elapsed = time.perf_counter() - start
    assert status["Status"] == "live", status
    assert status["Views"] == {"text": "read", "image": "read"}, status
    assert client.get(f"/api/item/{item}/neighbors/").json()
    return elapsed


def swap(client: httpx.Client, registry: BundleRegistry, version: str) -> float:
    """Return the seconds until another bundle is served."""
    start = time.perf_counter()
    registry.set_current(version)
    while client.get("/api/model").json()["Version"] != version:
        time.sleep(0.1)
    return time.perf_counter() - start


class BackgroundLoad:
    """Requests for recommendations from another process, at a fixed rate for some seconds."""

    def __init__(self, port: int, seconds: float, rate: float) -> None:
        context = multiprocessing.get_context("spawn")
        self._results: Queue[tuple[int, int, float, float]] = context.Queue()
        arguments = (port, seconds, rate, self._results)
        self._process = context.Process(target=_send_requests, args=arguments)
        self._process.start()
        time.sleep(LOAD_START_S)

    def result(self) -> dict[str, float]:
        """Wait for the end of the load and return its figures."""
        count, failed, median, p99 = self._results.get(timeout=300)
        self._process.join()
        return {"answers": count, "failed": failed, "median ms": round(median, 1),
                "p99 ms": round(p99, 1)}  # fmt: skip


def _send_requests(port: int, seconds: float, rate: float, results: "Queue[Any]") -> None:
    requests = map(recommend_request, itertools.cycle(range(USERS)))
    load = open_loop(port, requests, rate=rate, connections=8, seconds=seconds)
    median, p99 = load.quantile_ms(0.5), load.quantile_ms(0.99)
    results.put((len(load.latencies_ms), load.failed, median, p99))


if __name__ == "__main__":
    main()
