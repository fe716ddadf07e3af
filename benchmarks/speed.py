"""How near are EASE and the evaluation to the arithmetic they can't avoid?

    OMP_NUM_THREADS=1 python benchmarks/speed.py

EASE's fit against one float32 potrf + potri of the same size; full-ranking evaluation of all test
users against the plain scoring product plus top-20 selection. Both pairs in turns, best of three.
"""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.linalg import lapack

from polyrec.config import read
from polyrec.data.load import load
from polyrec.evaluate.protocols import compat
from polyrec.recommend.closed_form import gram
from polyrec.recommend.ease import EASE
from record import record


def best_of(rounds: int, *pieces: Callable[[], object]) -> list[float]:
    """Return the least seconds of each piece, taken in turns so that noise meets all of them."""
    least = [float("inf")] * len(pieces)
    for _ in range(rounds):
        for i, piece in enumerate(pieces):
            start = time.perf_counter()
            piece()
            least[i] = min(least[i], time.perf_counter() - start)
    return least


def main() -> None:
    config = read(Path(__file__).with_name("amazon_baby.yaml"))
    dataset = load(config.data, weights={}, seed=7).dataset
    train, test = dataset.train, dataset.test
    regular = gram(train)
    regular[np.diag_indices_from(regular)] += 400

    def floor() -> None:
        factor, _ = lapack.spotrf(regular.copy(order="F"), lower=1, clean=0, overwrite_a=1)
        lapack.spotri(factor, lower=1, overwrite_c=1)

    fit, cholesky = best_of(3, lambda: EASE(l2=400).fit(train), floor)
    model = EASE(l2=400).fit(train)
    found = compat(model, train, test, ["recall@20"])
    history = train.histories(found.users).matrix(train.shape[1])

    def plain() -> None:
        for start in range(0, len(found.users), 2048):
            scores = history[start : start + 2048] @ model.weights_
            best = np.argpartition(-scores, 20, axis=1)[:, :20]
            order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
            np.take_along_axis(best, order, axis=1)

    metrics = list(config.evaluate.metrics)
    whole, product = best_of(3, lambda: compat(model, train, test, metrics), plain)
    record("speed", {
        "ease_fit": {"items": train.shape[1], "seconds": round(fit, 2),
                     "potrf_potri_seconds": round(cholesky, 2),
                     "ratio": round(fit / cholesky, 3), "goal": 1.3},
        "evaluation": {"users": len(found.users), "metrics": len(metrics),
                       "seconds": round(whole, 2), "product_and_top20_seconds": round(product, 2),
                       "ratio": round(whole / product, 3), "goal": 2.0},
    })  # fmt: skip


if __name__ == "__main__":
    main()
