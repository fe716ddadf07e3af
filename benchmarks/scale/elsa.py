"""Does ELSA learn from a catalogue of a million items in bounded memory?

    OMP_NUM_THREADS=1 python -m benchmarks.scale.elsa [ITEMS USERS EVENTS EPOCHS]

Behaviour is synthetic: popularity has a long tail, and each user mostly keeps to five of 2,000
groups of items. Measured are the seconds of the fit and of a recommendation, the peak memory before
and after the fit, and how often the item held out of a user's history is among the best 100 of all
items, for ELSA and for the most popular items. Results: elsa_large.json.
"""

import sys
import time

import numpy as np

from benchmarks.library.results import save_results
from polyrec.compute.stopwatch import peak_memory_mb
from polyrec.contracts import Recommender
from polyrec.recommend.factors.elsa import ELSA
from polyrec.recommend.popular import Popular
from polyrec.types import Interactions

GROUPS = 2_000
TEST_USERS = 200
K = 100


def main() -> None:
    items, users, events, epochs = map(int, sys.argv[1:] or (1_000_000, 200_000, 20_000_000, 1))
    train, test = make_behaviour(items, users, events)
    memory_before = peak_memory_mb()
    start, processor_start = time.perf_counter(), time.process_time()
    model = ELSA(dim=64, epochs=epochs, batch=16384, device="cpu").fit(train, {})
    seconds, processor = time.perf_counter() - start, time.process_time() - processor_start
    memory_after = peak_memory_mb()
    hit_rate, recommend_seconds = evaluate(model, train, test)
    popular_hit_rate, _ = evaluate(Popular().fit(train, {}), train, test)
    save_results("elsa_large", {
        "items": items, "users": users, "events": len(train), "dim": model.dim,
        "epochs": epochs, "batch": model.batch,
        "seconds": round(seconds, 1), "processor_seconds": round(processor, 1),
        "peak_mb_before_fit": round(memory_before), "peak_mb_after_fit": round(memory_after),
        "table_mb": round(4 * items * model.dim / 2**20),
        "dense_item_item_gib": round(4 * items**2 / 2**30),
        "seconds_per_question": round(recommend_seconds, 3),
        "found_in_100": round(hit_rate, 3),
        "found_in_100_by_popularity": round(popular_hit_rate, 3),
    })  # fmt: skip


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
