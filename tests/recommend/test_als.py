"""Alternating least squares: each half-step is the exact minimum, content stands in."""

import numpy as np
import pytest
from scipy import sparse

from polyrec.errors import FitError
from polyrec.recommend.factors.als import ALS
from polyrec.recommend.factors.ridge import Ridge
from polyrec.types import Embeddings, Interactions, Query


@pytest.fixture
def events() -> sparse.csr_array:
    generator = np.random.default_rng(5)
    dense = np.where(generator.random((30, 24)) < np.linspace(0, 0.9, 30)[:, None], 1.0, 0.0)
    dense *= generator.choice([-1.0, 0.5, 1.0, 3.0], dense.shape)
    return sparse.csr_array(dense.astype(np.float32))


@pytest.mark.parametrize("width", [3, 8, 40])  # rows have 0 to 22 events: fewer and more than that
def test_each_row_equals_its_normal_equations(events: sparse.csr_array, width: int) -> None:
    generator = np.random.default_rng(6)
    vectors = generator.standard_normal((24, width)).astype(np.float32)
    means = generator.standard_normal((30, width)).astype(np.float32)
    l2 = generator.uniform(0.5, 2, 30).astype(np.float32)
    counted = np.arange(24) != 7
    solved = Ridge(vectors, 0.3, counted=counted).solve(events, l2, means=means)
    shared = 0.3 * vectors[counted].T.astype(np.float64) @ vectors[counted]
    for row, weights in enumerate(events.toarray().astype(np.float64)):
        left = shared + vectors.T @ (np.abs(weights)[:, None] * vectors) + l2[row] * np.eye(width)
        right = vectors.T @ np.maximum(weights, 0) + l2[row] * means[row]
        assert np.allclose(solved[row], np.linalg.solve(left, right), atol=2e-4)


def test_a_round_is_written_plainly() -> None:
    generator = np.random.default_rng(3)
    pairs = np.unique(generator.integers(0, [12, 9], (50, 2)), axis=0)
    train = Interactions.of(pairs[:, 0], pairs[:, 1], shape=(12, 10))  # item 9 is cold
    model = ALS(dim=4, unobserved=0.2, l2=0.05, exponent=0.8, rounds=1).fit(train, {})
    taken = train.matrix().toarray().astype(np.float64)
    items = np.random.default_rng(7).standard_normal((10, 4)) * 0.1 / 2
    items[9] = 0

    def solve(rows: np.ndarray, others: np.ndarray, count: int) -> np.ndarray:
        found = np.zeros((len(rows), 4))
        for i, row in enumerate(rows):
            l2 = 0.05 * (row.sum() + 0.2 * count) ** 0.8
            left = others.T @ ((row + 0.2)[:, None] * others) + l2 * np.eye(4)
            found[i] = np.linalg.solve(left, others.T @ row)
        return found

    users = solve(taken, items, 9)
    expected = solve(taken.T, users, 12)
    assert np.allclose(model.vectors_, expected, atol=1e-5)
    wanted = solve(taken, expected, 9) @ expected.T
    assert np.allclose(model.score(train.histories(range(12))), wanted, atol=1e-5)


def test_a_new_event_counts_in_the_next_question(checkerboard: Interactions) -> None:
    model = ALS(dim=8).fit(checkerboard, {})
    before, after = model.score(Query.of([[0, 2], [0, 2, 1, 3, 5]]))
    assert after[7] > before[7]
    trained = model.score(checkerboard.histories([4]))
    unknown = checkerboard.histories([4]).items.tolist()
    assert np.array_equal(model.score(Query.of([unknown])), trained)


def test_what_is_worth_the_same_to_all_is_worth_one(checkerboard: Interactions) -> None:
    heavy = Interactions.of(
        checkerboard.users, checkerboard.items, shape=(20, 12), weights=[4.0] * len(checkerboard)
    )
    query = checkerboard.histories(range(20))
    light, same = (ALS(dim=8).fit(train, {}) for train in (checkerboard, heavy))
    assert np.allclose(light.score(query), same.score(heavy.histories(range(20))), atol=1e-6)


def test_items_that_nobody_took_follow_their_content(
    checkerboard: Interactions, parity_views: dict[str, Embeddings]
) -> None:
    model = ALS(dim=8).fit(checkerboard, parity_views)
    grown = model.add_items({n: view.take([1, 0]) for n, view in parity_views.items()})
    scores = grown.score(Query.of([[1, 3], [0, 2]]))
    assert scores[0, 12] > scores[0, 13]
    assert scores[1, 13] > scores[1, 12]
    assert np.array_equal(model.score(Query.of([[1]])), grown.score(Query.of([[1]]))[:, :12])
    twice = model.add_items({n: view.take([1]) for n, view in parity_views.items()}).add_items(
        {n: view.take([0]) for n, view in parity_views.items()}
    )
    assert np.allclose(twice.score(Query.of([[1, 3], [0, 2]])), scores, atol=1e-6)


def test_views_that_differ_from_those_at_fit_are_refused(
    checkerboard: Interactions, parity_views: dict[str, Embeddings]
) -> None:
    model = ALS(dim=4).fit(checkerboard, parity_views)
    with pytest.raises(FitError, match="a view is missing"):
        model.add_items({"text": parity_views["text"]})
    with pytest.raises(FitError, match="text has another width"):
        model.add_items(parity_views | {"text": parity_views["image"]})


def test_a_penalty_of_nothing_is_refused(checkerboard: Interactions) -> None:
    with pytest.raises(FitError, match="l2 must be over 0"):
        ALS(l2=0.0).fit(checkerboard, {})
