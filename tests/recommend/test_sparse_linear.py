"""The closed form on neighbourhoods: equal to the dense one where these hold everything."""

import numpy as np
import pytest

from polyrec.errors import FitError
from polyrec.recommend import EASE, MultimodalLinear, SparseLinear
from polyrec.recommend.linear import neighbourhoods
from polyrec.recommend.linear.gram import gram
from polyrec.recommend.linear.neighbourhoods import content_neighbours, sparse_gram
from polyrec.recommend.linear.sparse_linear import _solve_raised
from polyrec.types import Embeddings, Interactions, Query, Views

USERS, ITEMS, COLD = 120, 30, 5


@pytest.fixture(scope="module")
def behaviour() -> Interactions:
    """Return events in which every pair of warm items has a user; the last items are cold."""
    generator = np.random.default_rng(3)
    users, items = np.nonzero(generator.random((USERS, ITEMS - COLD)) < 0.4)
    weights = generator.choice([1.0, 2.0, -1.0], len(users), p=[0.7, 0.2, 0.1])
    return Interactions.of(users, items, shape=(USERS, ITEMS), weights=weights)


@pytest.fixture(scope="module")
def views() -> Views:
    generator = np.random.default_rng(4)
    rows = generator.normal(size=(ITEMS, 11)).astype(np.float32)
    present = np.arange(ITEMS) % 7 != 3
    return {
        "image": Embeddings(rows[:, :4] * present[:, None], present),
        "text": Embeddings(rows[:, 4:], np.ones(ITEMS, bool)),
    }


def further(views: Views) -> Views:
    return {n: Embeddings(v.vectors[[0, 9]] + 0.2, v.present[[0, 9]]) for n, v in views.items()}


def test_it_is_ease_where_neighbourhoods_hold_all_items(behaviour) -> None:
    query = behaviour.histories(range(USERS))
    dense = EASE(l2=30).fit(behaviour, {}).score(query)
    sparse = SparseLinear(l2=30, neighbours=ITEMS).fit(behaviour, {}).score(query)
    assert np.allclose(dense[:, : ITEMS - COLD], sparse[:, : ITEMS - COLD], atol=1e-4)


@pytest.mark.parametrize("weights", [None, {"text": 1.0, "image": 0.0}])
def test_content_and_its_parts_are_those_of_the_dense_form(behaviour, views, weights) -> None:
    settings = {"l2": 30.0, "content": 1.5, "weights": weights}
    dense = MultimodalLinear(**settings).fit(behaviour, views)
    sparse = SparseLinear(**settings, neighbours=4 * ITEMS).fit(behaviour, views)
    warm = slice(0, ITEMS - COLD)
    for item in (0, 11):
        ours = sparse.weight_contributions(item, behaviour)
        expected = dense.weight_contributions(item, behaviour)
        for source, column in expected.items():
            assert np.allclose(ours[source][warm], column[warm], atol=1e-4), source


def test_cold_and_later_items_are_placed_as_by_the_dense_form(behaviour, views) -> None:
    settings = {"l2": 30.0, "content": 0.0}
    dense = MultimodalLinear(**settings).fit(behaviour, views).add_items(further(views))
    sparse = SparseLinear(**settings, neighbours=ITEMS).fit(behaviour, views)
    grown = sparse.add_items(further(views))
    cold, later = ITEMS - 1, ITEMS + 1
    query = Query.of([[0, 7], [cold], [later, 3], [cold, later, 9, ITEMS]])
    assert np.allclose(dense.score(query), grown.score(query), atol=1e-3)
    for item in (4, cold, later):  # exact, whatever the history
        parts = sum(grown.weight_contributions(item, behaviour).values())
        for history in ([cold, 4, later], [2, cold]):
            score = grown.score(Query.of([history]))[0, item]
            assert abs(score - sum(parts[other] for other in history)) < 1e-5
    assert np.array_equal(sparse.score(query.take(0, 2)), sparse.score(query.take(0, 2)))


def test_a_column_is_the_ridge_regression_on_its_neighbours(behaviour) -> None:
    model = SparseLinear(l2=30, neighbours=6).fit(behaviour, {})
    full = gram(behaviour)
    likeness = np.abs(full) / np.sqrt(np.diag(full) + 30)[None]
    rows = sparse_gram(behaviour, 12, 30.0)
    kept = np.zeros_like(full)
    for row, (items, values) in enumerate(zip(rows.items, rows.values, strict=True)):
        kept[row, items[items < ITEMS]] = values[items < ITEMS]
    kept = np.where(kept == 0, kept.T, kept)
    np.fill_diagonal(kept, np.diag(full))
    for item in (0, 13):
        likeness[item, item] = 0
        support = np.sort(np.argsort(-likeness[item])[:6])
        system = kept[np.ix_(support, support)] + 30 * np.eye(6)
        column = model.weights_[:, [item]].toarray().ravel()
        assert np.flatnonzero(column).tolist() == support.tolist()
        assert np.allclose(column[support], np.linalg.solve(system, full[support, item]), atol=1e-5)


def test_rows_of_the_gram_matrix_do_not_depend_on_the_blocks(behaviour, monkeypatch) -> None:
    rows = sparse_gram(behaviour, 9, 10.0)
    full = gram(behaviour)
    first = rows.items < ITEMS
    owner = np.nonzero(first)[0]
    assert np.allclose(rows.values[first], full[owner, rows.items[first]], atol=1e-5)
    monkeypatch.setattr(neighbourhoods, "_PAIRS", 1)
    for one, other in zip(rows, sparse_gram(behaviour, 9, 10.0), strict=True):
        assert np.array_equal(one, other)


def test_neighbours_by_content_are_the_nearest_also_over_cells(monkeypatch) -> None:
    generator = np.random.default_rng(5)
    centres = generator.normal(size=(12, 6))
    rows = centres[np.arange(600) % 12] + 0.3 * generator.normal(size=(600, 6))
    rows = rows.astype(np.float32)
    rows[7] = 0
    scores = rows @ rows.T
    np.fill_diagonal(scores, -np.inf)
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    exact = content_neighbours(rows, 10)
    assert (exact[7] == -1).all()
    others = np.arange(600) != 7
    assert [set(row) for row in exact[others]] == [set(row) for row in expected[others]]
    monkeypatch.setattr(neighbourhoods, "_CELL", 50)
    near = content_neighbours(rows, 10)
    hits = [len(set(a) & set(b)) for a, b in zip(near[others], expected[others], strict=True)]
    assert np.mean(hits) > 9
    assert not (near == np.arange(600)[:, None]).any()


def test_an_indefinite_system_is_raised() -> None:
    system = np.float32([[1, 3], [3, 1]])
    right = np.float32([[1], [0]])
    solved = _solve_raised(system, right, np.float32(2))
    raised = system + (2 + 2) * np.eye(2)  # the lowest eigenvalue is -2
    assert np.allclose(raised @ solved, right, atol=1e-5)


def test_the_larger_the_catalogue_the_fewer_settings_are_tried(views) -> None:
    def fits(items: int) -> int:
        rows = np.broadcast_to(np.float32(1), (items, 1))
        stages = SparseLinear().search_space({"text": Embeddings(rows, np.ones(items, bool))})
        return sum(int(np.prod([len(c) for c in stage.values()])) for stage in stages)

    assert fits(1_000) > fits(100_000) > fits(1_000_000) == 0
    assert len(SparseLinear().search_space({})) == 1


def test_bad_settings_and_no_events() -> None:
    with pytest.raises(FitError, match="neighbours must be over 0"):
        SparseLinear(neighbours=0).fit(Interactions.of([0], [0], shape=(1, 2)), {})
    alone = SparseLinear().fit(Interactions.of([0], [0], shape=(1, 2)), {})
    assert alone.score(Query.of([[0]])).tolist() == [[1.0, 0.0]]
