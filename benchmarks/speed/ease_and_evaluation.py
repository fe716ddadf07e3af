"""How close are EASE and the evaluation to the cost of their matrix operations?

    OMP_NUM_THREADS=1 python -m benchmarks.speed.ease_and_evaluation

EASE's fit against one float32 potrf + potri of the same size. Full-ranking evaluation of all test
users against the bare product of scores and a top 20 (by numpy's argpartition, and by polyrec's own
top k, which is faster): EASE on Amazon Baby; on Amazon Sports with its 18,357 items one sparse and
one dense product (item_knn; 64 random numbers per user and item). Processor seconds, by turns, best
of three. Results: speed.json.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg import lapack

from benchmarks.library.data_sets import config_path, load_public_dataset
from benchmarks.library.interleave import best_of
from benchmarks.library.results import save_results
from polyrec.config import read_config
from polyrec.contracts import Recommender, learned, part
from polyrec.data.load import Dataset
from polyrec.evaluate.protocols import evaluate_top_k
from polyrec.index.topk import top_k
from polyrec.recommend.base import BaseRecommender
from polyrec.recommend.linear.ease import EASE
from polyrec.recommend.linear.gram import gram
from polyrec.recommend.linear.item_knn import ItemKNN
from polyrec.types import Floats, Interactions, Ints, Query, Views

L2 = 400
BATCH = 1024


def main() -> None:
    dataset = load_public_dataset("amazon_baby")
    metrics = list(read_config(config_path("amazon_baby")).evaluate.metrics)
    train, seen = dataset.train, dataset.train.matrix()
    ease = EASE(l2=L2).fit(train)
    baby = evaluation(dataset, ease, metrics, lambda users: seen[users] @ ease.weights_)
    figures = {"amazon_baby": {"ease": baby}, "amazon_sports": sports(metrics)}
    save_results("speed", {"ease_fit": ease_fit(train), "evaluation": figures})


def ease_fit(train: Interactions) -> dict[str, Any]:
    """Return the seconds of EASE's fit and of a Cholesky inverse of the same size."""
    matrix = gram(train)
    matrix[np.diag_indices_from(matrix)] += L2

    def cholesky_inverse() -> None:
        factor, _ = lapack.spotrf(matrix.copy(order="F"), lower=1, clean=0, overwrite_a=1)
        lapack.spotri(factor, lower=1, overwrite_c=1)

    fit, floor = best_of(3, lambda: EASE(l2=L2).fit(train), cholesky_inverse)
    return {"items": train.shape[1], "seconds": round(fit, 2),
            "potrf_potri_seconds": round(floor, 2),
            "ratio": round(fit / floor, 3), "goal": 1.3}  # fmt: skip


def sports(metrics: list[str]) -> dict[str, Any]:
    """Return the evaluation of a sparse and a dense model on Amazon Sports."""
    dataset = load_public_dataset("amazon_sports")
    train, seen = dataset.train, dataset.train.matrix()
    knn, vectors = ItemKNN(shrink=100).fit(train, {}), RandomVectors().fit(train)
    return {
        "item_knn": evaluation(
            dataset, knn, metrics, lambda users: (seen[users] @ knn.weights_).toarray()
        ),
        "vectors": evaluation(dataset, vectors, metrics, vectors.product),
    }


def evaluation(
    dataset: Dataset, model: Recommender, metrics: list[str], product: Callable[[Ints], Floats]
) -> dict[str, Any]:
    """Return the seconds of an evaluation, and of the same users' scores and top 20 alone."""
    train, test = dataset.train, dataset.test
    users = evaluate_top_k(model, train, test, ["recall@20"]).users

    def with_argpartition() -> None:
        for start in range(0, len(users), BATCH):
            scores = product(users[start : start + BATCH])
            best = np.argpartition(-scores, 20, axis=1)[:, :20]
            order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
            np.take_along_axis(best, order, axis=1)

    def with_top_k() -> None:
        for start in range(0, len(users), BATCH):
            top_k(np.asarray(product(users[start : start + BATCH]), np.float32), 20)

    seconds, floor, own_floor = best_of(
        3, lambda: evaluate_top_k(model, train, test, metrics), with_argpartition, with_top_k
    )
    return {"users": len(users), "items": train.shape[1], "metrics": len(metrics),
            "seconds": round(seconds, 2), "product_and_top20_seconds": round(floor, 2),
            "ratio": round(seconds / floor, 3), "goal": 2.0,
            "with_own_top_k_seconds": round(own_floor, 2),
            "ratio_to_that": round(seconds / own_floor, 3)}  # fmt: skip


@part
class RandomVectors(BaseRecommender):
    """A model of 64 random numbers per user and item: only the cost of its product matters."""

    users_: Floats = learned()
    items_: Floats = learned()

    def product(self, users: Ints) -> Floats:
        """Return (b, n) scores of users."""
        scores: Floats = self.users_[users] @ self.items_.T
        return scores

    def _fit(self, train: Interactions, items: Views, valid: Interactions | None) -> None:  # noqa: ARG002
        generator = np.random.default_rng(7)
        self.users_, self.items_ = (
            generator.standard_normal((count, 64)).astype(np.float32) for count in train.shape
        )

    def _score(self, query: Query) -> Floats:
        return self.product(query.users)


if __name__ == "__main__":
    main()
