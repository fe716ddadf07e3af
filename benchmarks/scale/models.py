"""What do models cost on large catalogues, and do they find more there than popularity?

    OMP_NUM_THREADS=1 python -m benchmarks.scale.models [SIZE] [MODEL]

Sizes are 20k, 100k, 200k and 1m items with 1, 4, 10 and 20 million events; models those in MODELS.
Behaviour is synthetic: popularity has a long tail, and each user mostly keeps to five of 2,000
groups of items. Each fit runs in a process of its own. Measured are its seconds (of the processor),
the peak memory before and after it, the seconds of one list, and how often the item held out of a
user's history is among the best 100, beside the most popular items. Results: scale_models.json.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.library.results import merge_results
from polyrec.compute.stopwatch import peak_memory_mb
from polyrec.contracts import Recommender
from polyrec.recommend import ELSA, ItemKNN, Popular, SparseLinear
from polyrec.types import Interactions

SIZES = {  # items, users, events
    "20k": (20_000, 20_000, 1_000_000),
    "100k": (100_000, 60_000, 4_000_000),
    "200k": (200_000, 120_000, 10_000_000),
    "1m": (1_000_000, 200_000, 20_000_000),
}
MODELS: dict[str, Callable[[], Recommender]] = {
    "popular": Popular,
    "item_knn": ItemKNN,
    "sparse_linear": SparseLinear,
    "sparse_linear of 50": lambda: SparseLinear(neighbours=50),
    "elsa, 1 epoch": lambda: ELSA(dim=64, epochs=1, batch=16384, device="cpu"),
}
GROUPS = 2_000
TEST_USERS = 200
K = 100


def main() -> None:
    if len(sys.argv) > 3:
        print(json.dumps(measure(*sys.argv[1:3])))
        return
    sizes = sys.argv[1:2] or list(SIZES)
    for size in sizes:
        for model in sys.argv[2:3] or list(MODELS):
            command = [sys.executable, "-m", "benchmarks.scale.models", size, model, "measure"]
            ended = subprocess.run(command, capture_output=True, text=True, check=False)
            figures = json.loads(ended.stdout) if not ended.returncode else {
                "failed": ended.stderr.strip().splitlines()[-1:]
            }  # fmt: skip
            merge_results("scale_models", f"{size} {model}", figures)


def measure(size: str, name: str) -> dict[str, Any]:
    """Return the figures of one fit."""
    items, users, events = SIZES[size]
    train, test = make_behaviour(items, users, events)
    before = peak_memory_mb()
    start, processor_start = time.perf_counter(), time.process_time()
    model = MODELS[name]().fit(train, {})
    seconds, processor = time.perf_counter() - start, time.process_time() - processor_start
    after = peak_memory_mb()
    hit_rate, recommend_s = evaluate(model, train, test)
    return {
        "items": items, "users": users, "events": len(train),
        "fit_s": round(seconds, 1), "fit_processor_s": round(processor, 1),
        "peak_mb_before": round(before), "peak_mb_after": round(after),
        "list_ms": round(1e3 * recommend_s, 2), f"hit_rate@{K}": round(hit_rate, 3),
    }  # fmt: skip


def make_behaviour(items: int, users: int, events: int) -> tuple[Interactions, Interactions]:
    """Return train, and test with one event of each of the first users."""
    generator = np.random.default_rng(0)
    draws = int(events * 1.2)  # duplicates are dropped
    user_of = generator.integers(0, users, draws)
    # item i belongs to group i % GROUPS; low numbers are popular
    depth = (items // GROUPS) * generator.random(draws) ** 2
    favourite = (user_of * 7919 + generator.integers(0, 5, draws) * 401) % GROUPS
    group = np.where(generator.random(draws) < 0.8, favourite, generator.integers(0, GROUPS, draws))
    pairs = np.unique(user_of * items + depth.astype(np.int64) * GROUPS + group)
    pairs = pairs[generator.random(len(pairs)) < events / len(pairs)]
    starts = np.searchsorted(pairs // items, np.arange(TEST_USERS + 1))
    test = (starts[:-1] + generator.random(TEST_USERS) * np.diff(starts)).astype(np.int64)
    train_pairs, test_pairs = np.delete(pairs, test), pairs[test]
    shape = (users, items)
    return (
        Interactions.of(train_pairs // items, train_pairs % items, shape=shape),
        Interactions.of(test_pairs // items, test_pairs % items, shape=shape),
    )


def evaluate(model: Recommender, train: Interactions, test: Interactions) -> tuple[float, float]:
    """Return the share of test items among the best K, and the seconds per user."""
    start = time.perf_counter()
    lists = model.recommend(train.histories(test.users), K).items
    seconds = time.perf_counter() - start
    return float((lists == test.items[:, None]).any(axis=1).mean()), seconds / len(lists)


if __name__ == "__main__":
    main()
