"""Trained models answer with numbers, whatever behaviour they get."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="extra torch is not installed")

from polyrec.recommend import MLP
from polyrec.registry import find_class
from polyrec.types import Interactions, Query

SHORT = {
    "als": {"dim": 4},
    "bpr": {"dim": 4, "epochs": 2},
    "elsa": {"dim": 4, "epochs": 2},
    "mlp": {"dim": 4, "epochs": 2},
    "sasrec": {"dim": 4, "epochs": 2},
    "vbpr": {"dim": 4, "epochs": 2},
}
WORLDS = {
    "empty": Interactions.of([], [], shape=(3, 4)),
    "one user": Interactions.of([0, 0], [1, 2], shape=(1, 4)),
    "one item": Interactions.of([0, 1, 2], [0, 0, 0], shape=(3, 1)),
    "one pair": Interactions.of([0], [0], shape=(1, 1)),
    "one event each": Interactions.of([0, 1, 2], [0, 1, 1], shape=(3, 4)),
    "all taken": Interactions.of([0, 0, 1, 1], [0, 1, 0, 1], shape=(2, 2)),
    "only dislikes": Interactions.of([0, 1], [0, 1], shape=(3, 4), weights=[-1, -2]),
    "some dislikes": Interactions.of(
        [0, 0, 1, 2, 2], [0, 1, 1, 2, 0], shape=(3, 4), weights=[1, -1, 2, 1, -3]
    ),
    "weights of nothing": Interactions.of([0, 1], [0, 1], shape=(2, 3), weights=[0, 0]),
}


@pytest.fixture(params=sorted(SHORT))
def model(request: pytest.FixtureRequest) -> object:
    return find_class("recommend", request.param)(**SHORT[request.param])


@pytest.mark.parametrize("world", WORLDS)
def test_scores_are_numbers(model: object, world: str) -> None:
    train = WORLDS[world]
    model.fit(train, valid=train)
    users, items = train.shape
    for query in (train.histories(range(users)), Query.of([[], [0], [0, items - 1]])):
        scores = model.score(query)
        assert scores.shape == (len(query), items)
        assert np.isfinite(scores).all()


def test_the_same_seed_gives_the_same_bits(model: object, checkerboard: Interactions) -> None:
    query = checkerboard.histories(range(20))
    once = model.fit(checkerboard, valid=checkerboard).score(query)
    assert np.array_equal(model.fit(checkerboard, valid=checkerboard).score(query), once)
    model.seed += 1
    assert not np.array_equal(model.fit(checkerboard, valid=checkerboard).score(query), once)


def test_dislikes_count_against_what_is_like_them(
    model: object, checkerboard: Interactions
) -> None:
    if hasattr(model, "epochs"):
        epochs = 10 if isinstance(model, MLP) else 60  # an epoch of mlp has at least 24 steps
        model.dim, model.epochs, model.rate = 16, epochs, 2e-2
    model.fit(checkerboard)
    who, starts, items = np.array([-1]), np.array([0, 4]), np.array([11, 0, 2, 4])
    liked, disliked = (
        model.score(Query(who, starts, items, np.float32([1, weight, weight, weight])))
        for weight in (1, -1)
    )
    assert disliked[0, 6::2].sum() < liked[0, 6::2].sum()
