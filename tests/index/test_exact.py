import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from polyrec.errors import ConfigError, FitError
from polyrec.index.exact import ExactIndex


def oracle(query: np.ndarray, row: np.ndarray, metric: str) -> float:
    query, row = query.astype(np.float64), row.astype(np.float64)
    if metric == "pearson":
        query, row = query - query.mean(), row - row.mean()
    product = float(query @ row)
    if metric == "dot":
        return product
    lengths = np.linalg.norm(query) * np.linalg.norm(row)
    return product / lengths if lengths > 1e-9 else 0.0


@pytest.mark.parametrize("metric", ["cosine", "dot", "pearson"])
@given(case=st.data())
def test_scores_are_the_formula_best_first(metric: str, case: st.DataObject) -> None:
    full = st.integers(-3, 3).map(float)
    vectors = case.draw(arrays(np.float32, (5, 3), elements=full))
    queries = case.draw(arrays(np.float32, (2, 3), elements=full))
    present = case.draw(arrays(np.bool_, 5))
    items, scores = ExactIndex(vectors, present, metric).search(queries, 6)
    assert items.dtype == np.int64
    assert scores.dtype == np.float32
    for b in range(2):
        result = items[b][items[b] >= 0]
        assert sorted(result) == np.flatnonzero(present).tolist()
        assert (items[b, len(result) :] == -1).all()
        assert (scores[b, len(result) :] == -np.inf).all()
        assert (np.diff(scores[b, : len(result)]) <= 0).all()
        expected = [oracle(queries[b], vectors[i], metric) for i in result]
        assert np.allclose(scores[b, : len(result)], expected, atol=1e-5)


@pytest.mark.parametrize("metric", ["cosine", "dot", "pearson"])
def test_what_absent_rows_hold_changes_nothing(metric: str) -> None:
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((9, 4)).astype(np.float32)
    present, queries = np.arange(9) % 3 > 0, vectors[:2].copy()
    expected = ExactIndex(vectors, present, metric).search(queries, 9)
    for junk in (np.nan, np.inf, 3e38):
        vectors[~present] = junk
        result = ExactIndex(vectors, present, metric).search(queries, 9)
        assert np.array_equal(result[0], expected[0])
        assert np.array_equal(result[1], expected[1])


@pytest.mark.parametrize("value", [0.0, 0.1, 123.4])
def test_a_constant_row_has_no_correlation(value: float) -> None:
    vectors = np.float32([[value] * 3, [1, 2, 3]])
    items, scores = ExactIndex(vectors, np.ones(2, bool), "pearson").search(vectors, 2)
    assert scores[0].tolist() == [0, 0]
    assert items.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_the_unit_of_the_vectors_does_not_matter_to_cosines(scale: float) -> None:
    vectors = np.float32([[3, 4], [4, 3], [-1, 0]])
    scores = ExactIndex(vectors * np.float32(scale), np.ones(3, bool)).search(vectors[:1], 3)[1]
    assert np.allclose(scores, [[1, 0.96, -0.6]])


def test_many_batches_answer_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    index = ExactIndex(generator.standard_normal((50, 8)).astype(np.float32), np.ones(50, bool))
    queries = generator.standard_normal((23, 8)).astype(np.float32)
    items, scores = index.search(queries, 5)
    monkeypatch.setattr("polyrec.index.exact._BATCH_BYTES", 4 * 50 * 4)
    assert np.array_equal(index.search(queries, 5)[0], items)
    assert np.allclose(index.search(queries, 5)[1], scores, atol=1e-6)


def test_without_vectors_or_width_there_are_pads_or_ties() -> None:
    nothing = ExactIndex(np.empty((0, 2), np.float32), np.empty(0, bool))
    assert nothing.search(np.ones((1, 2), np.float32), 2)[0].tolist() == [[-1, -1]]
    flat = ExactIndex(np.empty((3, 0), np.float32), np.ones(3, bool), "pearson")
    assert flat.search(np.empty((1, 0), np.float32), 2)[0].tolist() == [[0, 1]]


def test_what_can_not_be_compared_is_refused() -> None:
    index = ExactIndex(np.ones((3, 2), np.float32), np.ones(3, bool))
    with pytest.raises(FitError, match="queries of another width"):
        index.search(np.ones((1, 3), np.float32), 2)
    with pytest.raises(FitError, match="NaN"):
        index.search(np.float32([[np.nan, 1]]), 2)
    with pytest.raises(ConfigError, match=r"unknown metric.*did you mean 'cosine'"):
        ExactIndex(np.ones((3, 2), np.float32), np.ones(3, bool), "cosin").search(
            np.ones((1, 2), np.float32), 2
        )
