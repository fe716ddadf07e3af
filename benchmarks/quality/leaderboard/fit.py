"""Fit one model on one data set with one seed, and print its results as JSON.

    python -m benchmarks.quality.leaderboard.fit CONFIG MODEL SEED BUDGET SETTINGS_JSON

It has a process of its own, so that its memory and time are its own. BUDGET is the processor
seconds of the fit: training by epochs that reaches it ends with its best epoch, anything else is
killed.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.leaderboard.cells import Cell, register_peers
from polyrec.artifact import part_state
from polyrec.compute.stopwatch import peak_memory_mb
from polyrec.config import Config
from polyrec.contracts import Recommender
from polyrec.data.load import load_dataset
from polyrec.errors import PolyrecError
from polyrec.evaluate.protocols import Evaluation, bootstrap_interval, evaluate_top_k
from polyrec.pipeline.assemble import build_recommender
from polyrec.pipeline.encoding import encode_dataset
from polyrec.pipeline.fitting import align_and_fuse
from polyrec.training.run_context import RunContext, use_run
from polyrec.types import Interactions, Ints

VALID = ("recall@20", "ndcg@20")
TEST = ("recall@10", "recall@20", "ndcg@10", "ndcg@20", "coverage@20")
_LATENCY_USERS = 200
_GRACE_S = 60  # for what can't end early


def main() -> None:
    config_file, model, seed, budget, settings = sys.argv[1:]
    register_peers()
    config = Cell(Path(config_file), model).run_config(json.loads(settings), seed=int(seed))
    try:
        print(json.dumps(measure(config, float(budget)), default=str))
    except PolyrecError as error:
        print(json.dumps({"failed": str(error)}))


def measure(config: Config, budget: float) -> dict[str, Any]:
    """Return the metrics and the cost of one fit."""
    data = load_dataset(config.data, weights=config.weights, seed=config.seed)
    _, encoded = encode_dataset(config, data.without_test())
    *_, views = align_and_fuse(config, data.train, encoded)
    model = build_recommender(config, {})
    memory_before = peak_memory_mb()
    clock = _BudgetClock(budget)
    with use_run(RunContext(on_valid=clock.is_over)):
        model = model.fit(data.train, views, valid=data.valid)
    seconds = clock.stop()
    peak_memory = peak_memory_mb()
    test = evaluate_top_k(model, data.train, data.test, TEST)
    results = {
        "seed": config.seed,
        "hash": data.fingerprint,
        "all_settings": part_state.part_settings(model),
        "valid": _rounded(evaluate_top_k(model, data.train, data.valid, VALID)),
        "test": _rounded(test),
        "interval": {
            name: [round(end, 4) for end in bootstrap_interval(test.values[name])]
            for name in ("recall@20", "ndcg@20")
        },
        "latency_ms": round(median_latency_ms(model, data.train, test.users), 3),
        "peak_memory_mb": round(peak_memory),
        "memory_before_mb": round(memory_before),
        **seconds,
    }
    if clock.ended:
        results["ended"] = f"ended by its budget after epoch {clock.epochs}"
    return results


class _BudgetClock:
    """The seconds of a fit, and its end when the budget is used up."""

    def __init__(self, budget: float) -> None:
        self._wall, self._processor = time.perf_counter(), time.process_time()
        self._budget, self.ended, self.epochs = budget, False, 0
        _, self._hard_limit = resource.getrlimit(resource.RLIMIT_CPU)
        limit = int(self._processor + budget + _GRACE_S)
        resource.setrlimit(resource.RLIMIT_CPU, (limit, self._hard_limit))

    def is_over(self, epoch: int, value: float) -> bool:  # noqa: ARG002 - called after each epoch
        """Return whether training has to end here."""
        self.epochs = epoch + 1
        self.ended = time.process_time() - self._processor > self._budget
        return self.ended

    def stop(self) -> dict[str, float]:
        """Lift the limit and return the seconds used."""
        wall, processor = time.perf_counter() - self._wall, time.process_time() - self._processor
        resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY, self._hard_limit))
        return {"fit_seconds": round(wall, 2), "fit_processor_seconds": round(processor, 2)}


def median_latency_ms(model: Recommender, train: Interactions, users: Ints) -> float:
    """Return the median latency of a list of 20 for one user."""
    sample = users[:: max(1, len(users) // _LATENCY_USERS)][:_LATENCY_USERS]
    times = []
    query = train.histories(sample)
    for row in range(len(sample)):
        start = time.perf_counter()
        model.recommend(query.take(row, row + 1), 20)
        times.append(time.perf_counter() - start)
    return float(np.median(times) * 1000)


def _rounded(evaluation: Evaluation) -> dict[str, float]:
    return {name: round(value, 4) for name, value in evaluation.means.items()}


if __name__ == "__main__":
    main()
