"""Fit one model on one data set with one seed, and print what it reached as JSON.

    python -m benchmarks.quality.leaderboard.fit CONFIG MODEL SEED BUDGET SETTINGS_JSON

In a process of its own, so that memory and time are its own. BUDGET counts seconds of processor
time for the fit; a training that reaches it ends with its best epoch, anything else is killed.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.leaderboard.cells import Cell, admit_peers
from polyrec.artifact import part_state
from polyrec.compute.stopwatch import peak_memory_mb
from polyrec.contracts import Recommender
from polyrec.data.load import load_dataset
from polyrec.errors import PolyrecError
from polyrec.evaluate.protocols import Evaluation, compat, interval
from polyrec.pipeline import assemble
from polyrec.pipeline import run as pipeline
from polyrec.recommend.early_stopping import fit
from polyrec.training.run_context import Run, accompany
from polyrec.types import Interactions

VALID = ("recall@20", "ndcg@20")
TEST = ("recall@10", "recall@20", "ndcg@10", "ndcg@20", "coverage@20")
_ASKED = 200  # users, one by one, for the latency
_GRACE = 60  # further seconds for what can't be ended early


def main() -> None:
    config, model, seed, budget, settings = sys.argv[1:]
    admit_peers()
    run = Cell(Path(config), model).read_config(json.loads(settings), seed=int(seed))
    try:
        print(json.dumps(measure(run, float(budget)), default=str))
    except PolyrecError as error:
        print(json.dumps({"failed": str(error)}))


def measure(config: Any, budget: float) -> dict[str, Any]:
    """Return what one fit reached and cost."""
    loaded = load_dataset(config.data, weights=config.weights, seed=config.seed)
    data = loaded.dataset
    _, encoded = pipeline.encode(config, data.without_test())
    *_, views = pipeline.prepare(config, data.train, encoded)
    model = assemble.make_recommender(config, {})
    before = peak_memory_mb()
    clock = _Clock(budget)
    with accompany(Run(watched=clock.watched)):
        model = fit(model, data.train, views, data.valid)
    spent = clock.spent()
    resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY, clock.hard))
    peak = peak_memory_mb()
    test = compat(model, data.train, data.test, TEST)
    told = {
        "seed": config.seed,
        "hash": loaded.fingerprint,
        "all_settings": part_state.part_settings(model),
        "valid": _rounded(compat(model, data.train, data.valid, VALID)),
        "test": _rounded(test),
        "interval": {
            name: [round(end, 4) for end in interval(test.values[name])]
            for name in ("recall@20", "ndcg@20")
        },
        "latency_ms": round(latency(model, data.train, test.users), 3),
        "peak_memory_mb": round(peak),
        "memory_before_mb": round(before),
        **spent,
    }
    if clock.ended:
        told["ended"] = f"ended by its budget after epoch {clock.epochs}"
    return told


class _Clock:
    """Counts the seconds of a fit, and ends it when its budget is used up."""

    def __init__(self, budget: float) -> None:
        self._wall, self._processor = time.perf_counter(), time.process_time()
        self._budget, self.ended, self.epochs = budget, False, 0
        _, self.hard = resource.getrlimit(resource.RLIMIT_CPU)
        limit = int(self._processor + budget + _GRACE)
        resource.setrlimit(resource.RLIMIT_CPU, (limit, self.hard))

    def watched(self, epoch: int, value: float) -> bool:  # noqa: ARG002 - the watch's form
        """Return whether the training shall end here."""
        self.epochs = epoch + 1
        self.ended = time.process_time() - self._processor > self._budget
        return self.ended

    def spent(self) -> dict[str, float]:
        """Return the seconds used."""
        wall, processor = time.perf_counter() - self._wall, time.process_time() - self._processor
        return {"fit_seconds": round(wall, 2), "fit_processor_seconds": round(processor, 2)}


def latency(model: Recommender, train: Interactions, users: Any) -> float:
    """Return the median milliseconds of one user's list of 20."""
    picked = users[:: max(1, len(users) // _ASKED)][:_ASKED]
    times = []
    query = train.histories(picked)
    for row in range(len(picked)):
        start = time.perf_counter()
        model.recommend(query.take(row, row + 1), 20)
        times.append(time.perf_counter() - start)
    return float(np.median(times) * 1000)


def _rounded(evaluation: Evaluation) -> dict[str, float]:
    return {name: round(value, 4) for name, value in evaluation.means.items()}


if __name__ == "__main__":
    main()
