"""What does the service cost beside the arithmetic it can't avoid, and what does it hold out?

    OMP_NUM_THREADS=1 python -m benchmarks.serving.throughput [--items 10000] [--rounds 8]

The server runs in a process of its own, one worker, the load comes from this one over loopback.
Users have histories of 30. In turns: a bare FastAPI route that does the same arithmetic on the same
model and answers by orjson; the service's route. Then the latency at half of what the service
reached, and events in batches of 10, acknowledged by SQLite. Up to 20,000 items the model is
dense, above it holds 50 neighbours per item; weights are drawn (seed 7).

Beside answers per second stand the milliseconds of processor time that the server took for one: on
a machine that others use, too, that is the figure to go by; `ratio` is the median of the rounds'.
"""

import argparse
import itertools
import json
import multiprocessing
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import orjson
import uvicorn
from fastapi import FastAPI
from fastapi.responses import Response
from scipy import sparse

from benchmarks.library.http_load import Load, closed, paced, request
from benchmarks.library.results import save_results
from polyrec.align.identity import NoAlignment
from polyrec.artifact.bundle import Bundle, Parts
from polyrec.config import parse_config
from polyrec.fuse.concat import Concat
from polyrec.recommend.linear.item_knn import ItemKNN
from polyrec.recommend.linear.multimodal_linear import MultimodalLinear
from polyrec.serve.app import create_app
from polyrec.serve.settings import Settings
from polyrec.types import Interactions

USERS, HISTORY = 2_000, 30
DENSE = 20_000  # items


def bundle_of(items: int, folder: Path) -> Bundle:
    """Return a bundle with drawn weights and histories."""
    draw = np.random.default_rng(7)
    users = np.repeat(np.arange(USERS), HISTORY)
    chosen = np.concatenate([draw.choice(items, HISTORY, replace=False) for _ in range(USERS)])
    train = Interactions.of(users, chosen, shape=(USERS, items), times=np.arange(len(users)))
    nothing = Interactions.of([], [], shape=(USERS, items))
    model = MultimodalLinear() if items <= DENSE else ItemKNN()
    model.popularity_ = draw.random(items, np.float32)
    if items <= DENSE:
        model.weights_ = draw.standard_normal((items, items), np.float32)
        model.names_, model.means_, model.features_, model.solvers_ = (), {}, {}, {}
        model.norms_ = np.ones(2, np.float32)
        model.newcomers_ = {}
    else:
        columns = draw.integers(0, items, (items, 50), np.int32)
        starts = np.arange(items + 1, dtype=np.int64) * 50
        parts = (draw.random(items * 50, np.float32), columns.reshape(-1), starts)
        model.weights_ = sparse.csr_array(parts, shape=(items, items))
        model.weights_.sum_duplicates()
    return Bundle(
        config=parse_config({"data": {"path": "nowhere"}}, folder=folder),
        ids=tuple(f"item-{i:06d}" for i in range(items)),
        titles=("",) * items,
        users=tuple(f"user-{i:05d}" for i in range(USERS)),
        kinds=("event",),
        behaviour={"train": train, "valid": nothing, "test": nothing},
        views={},
        parts=Parts({}, NoAlignment(), Concat(), model),
        fingerprint=f"drawn {items}",
    )


def bare_app(folder: Path) -> FastAPI:
    """Return an application whose only route does the arithmetic, and nothing else."""
    bundle = Bundle.load(folder)
    query = bundle.events.histories(np.arange(USERS))
    rows = {user: query.take(i, i + 1).items for i, user in enumerate(bundle.users)}
    weights, ids = bundle.parts.recommender.weights_, bundle.ids
    ones = np.ones(HISTORY, np.float32)
    dense = isinstance(weights, np.ndarray)
    app = FastAPI()

    @app.get("/api/recommend/{user}")
    async def recommend(user: str, n: int = 10) -> Response:
        history = rows[user]
        if dense:
            scores = ones @ weights[history]
        else:
            scores = np.zeros(len(ids), np.float32)
            found = weights[history]
            np.add.at(scores, found.indices, found.data)
        scores[history] = -np.inf
        best = np.argpartition(scores, -n)[-n:]
        best = best[np.argsort(-scores[best])]
        return Response(
            orjson.dumps([ids[i] for i in best.tolist()]), media_type="application/json"
        )

    return app


def serve(make, port: int) -> None:
    uvicorn.run(partial(make), factory=True, port=port, log_level="error", access_log=False)


class Server:
    """An application in a process of its own."""

    def __init__(self, make) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=serve, args=(make, self.port))

    def __enter__(self) -> "Server":
        self._process.start()
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.1)

    @property
    def pid(self) -> int:
        """Return the number of the process."""
        return int(self._process.pid or 0)

    def under(self, load: Callable[[int], Load]) -> dict[str, float]:
        """Return what a load meets here, and the processor's time for one answer."""
        before = self._processor()
        met = load(self.port)
        answers = max(1, len(met.milliseconds))
        return {
            "per_second": round(met.per_second, 1),
            "cpu_ms": round(1000 * (self._processor() - before) / answers, 4),
            "p50_ms": round(met.at(0.5), 2),
            "p99_ms": round(met.at(0.99), 2),
            "failed": met.failed,
        }

    def _processor(self) -> float:
        """Return the seconds of processor time that the process took so far (Linux)."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()


def questions():
    order = np.random.default_rng(1).integers(0, USERS, 100_000).tolist()
    return itertools.cycle([request("GET", f"/api/recommend/user-{u:05d}") for u in order])


def events(items: int):
    draw = np.random.default_rng(2)
    while True:
        rows = [
            {
                "FeedbackType": "event",
                "UserId": f"user-{draw.integers(USERS):05d}",
                "ItemId": f"item-{item:06d}",
                "Timestamp": "2026-01-01T00:00:00Z",
            }
            for item in draw.integers(0, items, 10)
        ]
        yield request("POST", "/api/feedback", json.dumps(rows).encode())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=8)
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        figures = measure(chosen.items, chosen.seconds, chosen.rounds, folder)
    finally:
        shutil.rmtree(folder)
    save_results(f"serve_{chosen.items}", figures)


def measure(items: int, seconds: float, rounds: int, folder: Path) -> dict[str, object]:
    bundle = bundle_of(items, folder).save(folder / "bundle")
    settings = Settings(bundle, f"sqlite:///{folder / 'service.sqlite'}")
    bare, ours = [], []

    def ask(port: int) -> Load:
        return closed(port, questions(), connections=8, seconds=seconds)

    news = events(items)  # none is told twice

    def write(port: int) -> Load:
        return closed(port, news, connections=8, seconds=seconds)

    with Server(partial(bare_app, bundle)) as plain, Server(partial(create_app, settings)) as full:
        full.under(ask)  # histories come into memory
        for _ in range(rounds):
            bare.append(plain.under(ask))
            ours.append(full.under(ask))
        rate = max(met["per_second"] for met in ours) / 2
        half = full.under(
            lambda port: paced(port, questions(), rate=rate, connections=32, seconds=seconds)
        )
        written = [full.under(write) for _ in range(rounds)]
    ratios = [one["cpu_ms"] / met["cpu_ms"] for one, met in zip(bare, ours, strict=True)]
    return {
        "items": items,
        "bare": bare,
        "service": ours,
        "ratio": round(float(np.median(ratios)), 3),
        "at_half": half,
        "events": written,
        "events_per_second": 10 * float(np.median([met["per_second"] for met in written])),
    }


if __name__ == "__main__":
    main()
