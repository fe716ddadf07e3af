"""Does ELSA learn from a catalogue of a million items in bounded memory?

    OMP_NUM_THREADS=1 python -m benchmarks.scale.elsa [ITEMS USERS EVENTS EPOCHS]

Behaviour is synthetic, popularity as in a long tail and taste in groups: each user keeps mostly to
five of 2,000 groups of items. Told are the seconds of the fit and of a question, the greatest
memory before and after, and how often the item held out of a user's history is among the best 100
of all items, beside the same for the most popular ones.
"""

import sys
import time

import numpy as np

from benchmarks.library.results import save_results
from polyrec.compute.stopwatch import peak_memory_mb
from polyrec.recommend.factors.elsa import ELSA
from polyrec.recommend.popular import Popular
from polyrec.types import Interactions

GROUPS = 2_000
ASKED = 200


def make_behaviour(items: int, users: int, events: int) -> tuple[Interactions, Interactions]:
    """Return what is learned from, and one event of each of the first users to be found."""
    generator = np.random.default_rng(0)
    drawn = int(events * 1.2)  # a few are drawn twice
    who = generator.integers(0, users, drawn)
    # item i belongs to group i % GROUPS; a low number is a popular item
    depth = (items // GROUPS) * generator.random(drawn) ** 2
    own = (who * 7919 + generator.integers(0, 5, drawn) * 401) % GROUPS
    group = np.where(generator.random(drawn) < 0.8, own, generator.integers(0, GROUPS, drawn))
    pairs = np.unique(who * items + depth.astype(np.int64) * GROUPS + group)
    pairs = pairs[generator.random(len(pairs)) < events / len(pairs)]
    starts = np.searchsorted(pairs // items, np.arange(ASKED + 1))
    held = (starts[:-1] + generator.random(ASKED) * np.diff(starts)).astype(np.int64)
    learned = np.delete(pairs, held)
    return tuple(
        Interactions.of(part // items, part % items, shape=(users, items))
        for part in (learned, pairs[held])
    )  # type: ignore[return-value]


def hits(model: object, train: Interactions, wanted: Interactions) -> tuple[float, float]:
    start = time.perf_counter()
    lists = model.recommend(train.histories(wanted.users), 100).items  # type: ignore[attr-defined]
    seconds = time.perf_counter() - start
    return float((lists == wanted.items[:, None]).any(axis=1).mean()), seconds / len(lists)


def main() -> None:
    items, users, events, epochs = map(int, sys.argv[1:] or (1_000_000, 200_000, 20_000_000, 1))
    train, wanted = make_behaviour(items, users, events)
    before = peak_memory_mb()
    start = time.perf_counter()
    spent = time.process_time()
    model = ELSA(dim=64, epochs=epochs, batch=16384, device="cpu").fit(train, {})
    seconds, spent = time.perf_counter() - start, time.process_time() - spent
    after = peak_memory_mb()
    found, question = hits(model, train, wanted)
    save_results("elsa_large", {
        "items": items, "users": users, "events": len(train), "dim": model.dim,
        "epochs": epochs, "batch": model.batch,
        "seconds": round(seconds, 1), "processor_seconds": round(spent, 1),
        "peak_mb_before_fit": round(before), "peak_mb_after_fit": round(after),
        "table_mb": round(4 * items * model.dim / 2**20),
        "dense_item_item_gib": round(4 * items**2 / 2**30),
        "seconds_per_question": round(question, 3),
        "found_in_100": round(found, 3),
        "found_in_100_by_popularity": round(hits(Popular().fit(train, {}), train, wanted)[0], 3),
    })  # fmt: skip


if __name__ == "__main__":
    main()
