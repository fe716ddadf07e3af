"""What does the service cost beside the arithmetic of a recommendation, and what load does it take?

    OMP_NUM_THREADS=1 python -m benchmarks.serving.throughput [--items 10000] [--rounds 8]

The server has a process of its own, one worker as `polyrec serve` starts it; the load comes from
this process over loopback. Users have histories of 30. In turns: a bare FastAPI route that does the
same arithmetic on the same model and responds with orjson, and the service's route. Then the
latency of both at half of the service's throughput: what the bare route has there is the machine's.
Then batches of 10 events acknowledged by SQLite. Up to 20,000 items the model is dense, beyond it
has 50 neighbours per item; weights are random (seed 7).

`cpu_ms` is the server's processor time per response: on a busy machine it says more than responses
per second. `ratio` is the median over the rounds of bare / service. Results: serve_ITEMS.json.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from fastapi import FastAPI
from fastapi.responses import Response
from starlette.types import ASGIApp

from benchmarks.library.http_load import LoadResult, closed_loop, open_loop
from benchmarks.library.results import save_results
from benchmarks.library.server_process import ServerProcess
from benchmarks.serving.bundles import HISTORY_LENGTH, USERS, random_bundle
from benchmarks.serving.requests import EVENTS_PER_BATCH, event_batches, recommend_requests
from polyrec.artifact.bundle import Bundle
from polyrec.serve.run import make_worker_app
from polyrec.serve.settings import Settings

MAX_DENSE_ITEMS = 20_000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=2, help="of each load")
    parser.add_argument("--rounds", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options.items, options.seconds, options.rounds, Path(folder))
    save_results(f"serve_{options.items}", figures)


def measure(items: int, seconds: float, rounds: int, folder: Path) -> dict[str, Any]:
    """Return what the bare route and the service reach."""
    dense = items <= MAX_DENSE_ITEMS
    bundle = random_bundle(items, folder, dense=dense).save(folder / "bundle")
    settings = Settings(bundle, f"sqlite:///{folder / 'service.sqlite'}")
    batches = event_batches(items)  # shared by all rounds: no event is sent twice

    def read(port: int) -> LoadResult:
        return closed_loop(port, recommend_requests(), connections=8, seconds=seconds)

    def write(port: int) -> LoadResult:
        return closed_loop(port, batches, connections=8, seconds=seconds)

    bare, service, bare_at_half, at_half = [], [], [], []
    with (
        ServerProcess(partial(bare_app, bundle)) as bare_server,
        ServerProcess(partial(service_app, settings)) as server,
    ):
        server.measure(read)  # loads the histories
        for _ in range(rounds):
            bare.append(bare_server.measure(read))
            service.append(server.measure(read))
        rate = max(row["per_second"] for row in service) / 2

        def half(port: int) -> LoadResult:
            requests = recommend_requests()
            return open_loop(port, requests, rate=rate, connections=32, seconds=seconds)

        for _ in range(rounds):
            bare_at_half.append(bare_server.measure(half))
            at_half.append(server.measure(half))
        events = [server.measure(write) for _ in range(rounds)]
    ratios = [b["cpu_ms"] / s["cpu_ms"] for b, s in zip(bare, service, strict=True)]
    per_second = float(np.median([row["per_second"] for row in events]))
    return {
        "items": items,
        "bare": bare,
        "service": service,
        "ratio": round(float(np.median(ratios)), 3),
        "bare_at_half": bare_at_half,
        "at_half": at_half,
        "events": events,
        "events_per_second": EVENTS_PER_BATCH * per_second,
    }


def service_app(settings: Settings) -> ASGIApp:
    """Return the application of a worker, without pages."""
    return make_worker_app(settings, "error", lambda app: app)


def bare_app(folder: Path) -> FastAPI:
    """Return an application whose only route does the arithmetic of a recommendation."""
    bundle = Bundle.load(folder)
    query = bundle.events.histories(np.arange(USERS))
    histories = {user: query.take(i, i + 1).items for i, user in enumerate(bundle.users)}
    weights, ids = bundle.parts.recommender.weights_, bundle.ids
    ones = np.ones(HISTORY_LENGTH, np.float32)
    dense = isinstance(weights, np.ndarray)
    app = FastAPI()

    @app.get("/api/recommend/{user}")
    async def recommend(user: str, n: int = 10) -> Response:
        history = histories[user]
        if dense:
            scores = ones @ weights[history]
        else:
            scores = np.zeros(len(ids), np.float32)
            rows = weights[history]
            np.add.at(scores, rows.indices, rows.data)
        scores[history] = -np.inf
        best = np.argpartition(scores, -n)[-n:]
        best = best[np.argsort(-scores[best])]
        return Response(
            orjson.dumps([ids[i] for i in best.tolist()]), media_type="application/json"
        )

    return app


if __name__ == "__main__":
    main()
