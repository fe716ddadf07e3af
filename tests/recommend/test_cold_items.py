"""New items go where the items are that they are like; how far, items left out tell."""

import numpy as np
import pytest

from polyrec.recommend.linear import cold_items
from polyrec.recommend.linear.ease import EASE
from polyrec.recommend.linear.multimodal_linear import MultimodalLinear
from polyrec.types import Embeddings, Interactions, Query

USERS, ITEMS, NEW = 120, 60, 12
GROUPS = np.arange(ITEMS) % 6


@pytest.fixture(scope="module")
def groups() -> Interactions:
    """Return users who took two thirds of two of six groups of items; the last twelve are new."""
    generator = np.random.default_rng(0)
    pairs = [
        (user, item)
        for user in range(USERS)
        for item in range(ITEMS - NEW)
        if GROUPS[item] % 3 == user % 3 and generator.random() < 0.66
    ]
    return Interactions.of(*zip(*pairs, strict=True), shape=(USERS, ITEMS))


def view(kind: str) -> Embeddings:
    generator = np.random.default_rng(1)
    rows = {
        "telling": np.eye(6)[GROUPS] + 0.2 * generator.standard_normal((ITEMS, 6)),
        "coarse": np.eye(2)[GROUPS // 3 % 2] + 0.2 * generator.standard_normal((ITEMS, 2)),
        "noise": generator.standard_normal((ITEMS, 8)),
    }[kind]
    return Embeddings(rows.astype(np.float32), np.ones(ITEMS, bool))


def test_a_column_is_what_the_weights_say_of_the_items_it_is_like(groups: Interactions) -> None:
    rows = view("telling").vectors
    warm = np.arange(ITEMS) < ITEMS - NEW
    weights = EASE(l2=20).fit(groups).weights_
    learned = cold_items.learn_cold_items(weights, warm, {"text": rows}, groups)
    found = cold_items.cold_columns(learned, {"text": rows[~warm]})
    X, W = rows[warm].astype(np.float64), weights[:-NEW, :-NEW]
    own = np.eye(len(W)) * np.linalg.norm(W, axis=0).mean() / 4
    tried = []
    for l2 in cold_items.L2_TRIED:
        like = X @ np.linalg.inv(X.T @ X + l2 * np.eye(6)) @ rows[~warm].T
        wanted = (W + own) @ like
        tried.append(wanted / np.linalg.norm(wanted, axis=0))
        assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert min(np.abs(wanted.T - found[:, :-NEW]).max() for wanted in tried) < 1e-4
    assert not found[:, -NEW:].any()


def test_an_item_left_out_is_placed_as_if_it_had_never_been_there(groups: Interactions) -> None:
    rows = view("telling").vectors[:-NEW]
    weights = EASE(l2=20).fit(groups).weights_
    warm = np.arange(ITEMS) < ITEMS - NEW
    known = cold_items._experiment(weights, warm, groups)
    padded = np.vstack([rows, np.zeros((NEW, 6), np.float32)])
    solver = np.linalg.inv(rows.T @ rows + 2 * np.eye(6)).astype(np.float32)
    told = cold_items._predict(known, padded, known.weights @ padded, solver)
    taken = groups.positives().toarray() > 0
    for place, item in enumerate(known.left_out):
        others = np.delete(np.arange(ITEMS - NEW), item)
        X = rows[others].astype(np.float64)
        like = X @ np.linalg.inv(X.T @ X + 2 * np.eye(6)) @ rows[item]
        scores = taken[:, others] @ known.weights[np.ix_(others, others)] @ like
        assert np.allclose(told[:, place], scores / np.linalg.norm(scores), atol=1e-4)


def test_a_view_that_tells_nothing_gets_no_say(groups: Interactions) -> None:
    model = MultimodalLinear(l2=20).fit(
        groups, {name: view(name) for name in ("telling", "coarse", "noise")}
    )
    shares = {name: float(told["share"]) for name, told in model.cold_items_.items()}
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["telling"] > 0.9
    # whatever the weights for known items say of it
    other = MultimodalLinear(l2=20, weights={"telling": 0.0, "noise": 1.0})
    other.fit(groups, {name: view(name) for name in ("telling", "noise")})
    assert float(other.cold_items_["telling"]["share"]) > 0.9
    assert other.names_ == ("noise",)


def test_new_items_are_ranked_right_among_themselves_and_in_histories(groups: Interactions) -> None:
    views = {"telling": view("telling"), "noise": view("noise")}
    model = MultimodalLinear(l2=20).fit(groups, views)
    scores = model.score(groups.histories(range(USERS)))[:, -NEW:]
    right = GROUPS[-NEW:] % 3 == np.arange(USERS)[:, None] % 3
    assert scores[right].min() > scores[~right].max()
    answers = model.score(Query.of([[ITEMS - NEW + i] for i in range(NEW)]))[:, :-NEW]
    alike = GROUPS[-NEW:, None] % 3 == GROUPS[:-NEW] % 3
    assert answers[alike].mean() > answers[~alike].mean() + 2 * answers[~alike].std()
    assert not np.allclose(model.weights_[-1, -NEW:-1], 0)  # new ones know each other, too


def test_without_content_or_behaviour_there_is_nothing_to_learn(groups: Interactions) -> None:
    warm = np.zeros(ITEMS, bool)
    zeros = np.zeros((ITEMS, ITEMS), np.float32)
    assert cold_items.learn_cold_items(zeros, warm, {"text": view("telling").vectors}, groups) == {}
    assert cold_items.learn_cold_items(zeros, ~warm, {}, groups) == {}
    # weights of 0: the item stands for what it is like
    learned = cold_items.learn_cold_items(zeros, ~warm, {"text": view("telling").vectors}, groups)
    rows = {"text": view("telling").vectors[:3]}
    assert np.allclose(cold_items.cold_columns(learned, rows), cold_items.similarity(learned, rows))


def test_a_row_of_zeros_gets_a_column_of_zeros(groups: Interactions) -> None:
    warm = np.arange(ITEMS) < ITEMS - NEW
    weights = EASE(l2=20).fit(groups).weights_
    learned = cold_items.learn_cold_items(weights, warm, {"text": view("telling").vectors}, groups)
    assert not cold_items.cold_columns(learned, {"text": np.zeros((2, 6), np.float32)}).any()
