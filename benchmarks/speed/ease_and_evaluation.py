"""How near are EASE and the evaluation to the arithmetic they can't avoid?

    OMP_NUM_THREADS=1 python -m benchmarks.speed.ease_and_evaluation

EASE's fit against one float32 potrf + potri of the same size; full-ranking evaluation of all test
users against the plain scoring product plus top-20 selection (numpy's argpartition; and polyrec's
own, which is faster): EASE on Amazon Baby, and on Amazon
Sports, all 18,357 items of it, one sparse and one dense product (item_knn; 64 random numbers per
user and item). Each pair in turns, best of three, seconds of the processor.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from benchmarks.library.data_sets import config_path
from benchmarks.library.interleave import best_of
from benchmarks.library.results import save_results
from polyrec.config import read_config
from polyrec.contracts import Recommender
from polyrec.data.load import load_dataset
from polyrec.evaluate.protocols import compat
from polyrec.index.topk import top_k
from polyrec.recommend.base import rank
from polyrec.recommend.linear.ease import EASE
from polyrec.recommend.linear.gram import gram
from polyrec.recommend.linear.item_knn import ItemKNN
from polyrec.types import Dataset, Ints, Query, Ranking


@dataclass
class Vectors:
    """Score by the product of 64 random numbers of a user and an item: only its cost matters."""

    shape: tuple[int, int]

    def __post_init__(self) -> None:
        generator = np.random.default_rng(7)
        self.users, self.items = (
            generator.standard_normal((count, 64)).astype(np.float32) for count in self.shape
        )

    def score(self, query: Query) -> np.ndarray:
        """Return (b, n) products."""
        return self.users[query.users] @ self.items.T

    def recommend(self, query: Query, k: int, *, hide_seen: bool = True) -> Ranking:
        """Return the best k."""
        return rank(self.score, query, k, hide_seen=hide_seen)


def evaluation(
    dataset: Dataset, model: Recommender, metrics: list[str], product: Callable[[Ints], np.ndarray]
) -> dict:
    """Return the seconds of an evaluation and those of `product` of the same users and a top-20."""
    train, test = dataset.train, dataset.test
    users = compat(model, train, test, ["recall@20"]).users

    def plain() -> None:
        for start in range(0, len(users), 1024):
            scores = product(users[start : start + 1024])
            best = np.argpartition(-scores, 20, axis=1)[:, :20]
            order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
            np.take_along_axis(best, order, axis=1)

    def fast() -> None:
        for start in range(0, len(users), 1024):
            top_k(np.asarray(product(users[start : start + 1024]), np.float32), 20)

    whole, floor, own = best_of(3, lambda: compat(model, train, test, metrics), plain, fast)
    return {"users": len(users), "items": train.shape[1], "metrics": len(metrics),
            "seconds": round(whole, 2), "product_and_top20_seconds": round(floor, 2),
            "ratio": round(whole / floor, 3), "goal": 2.0,
            "with_own_top_k_seconds": round(own, 2),
            "ratio_to_that": round(whole / own, 3)}  # fmt: skip


def sports(metrics: list[str]) -> dict:
    """Return the evaluation of two models on Amazon Sports."""
    config = read_config(config_path("amazon_sports"))
    dataset = load_dataset(config.data, weights={}, seed=7).dataset
    train = dataset.train
    knn, vectors, seen = ItemKNN(shrink=100).fit(train, {}), Vectors(train.shape), train.matrix()
    return {
        "item_knn": evaluation(
            dataset, knn, metrics, lambda users: (seen[users] @ knn.weights_).toarray()
        ),
        "vectors": evaluation(
            dataset, vectors, metrics, lambda users: vectors.users[users] @ vectors.items.T
        ),
    }


def main() -> None:
    config = read_config(config_path("amazon_baby"))
    dataset = load_dataset(config.data, weights={}, seed=7).dataset
    train = dataset.train
    regular = gram(train)
    regular[np.diag_indices_from(regular)] += 400

    def floor() -> None:
        factor, _ = lapack.spotrf(regular.copy(order="F"), lower=1, clean=0, overwrite_a=1)
        lapack.spotri(factor, lower=1, overwrite_c=1)

    fit, cholesky = best_of(3, lambda: EASE(l2=400).fit(train), floor)
    model = EASE(l2=400).fit(train)
    seen, metrics = train.matrix(), list(config.evaluate.metrics)
    save_results("speed", {
        "ease_fit": {"items": train.shape[1], "seconds": round(fit, 2),
                     "potrf_potri_seconds": round(cholesky, 2),
                     "ratio": round(fit / cholesky, 3), "goal": 1.3},
        "evaluation": {
            "amazon_baby": {
                "ease": evaluation(dataset, model, metrics, lambda u: seen[u] @ model.weights_)
            },
            "amazon_sports": sports(metrics),
        },
    })  # fmt: skip


if __name__ == "__main__":
    main()
