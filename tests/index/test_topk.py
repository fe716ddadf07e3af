import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyrec.errors import FitError
from polyrec.index.exact import ExactIndex
from polyrec.index.topk import top_k


def oracle(row: np.ndarray, k: int) -> list[int]:
    best = [int(i) for i in np.argsort(-row, kind="stable") if row[i] > -np.inf][:k]
    return best + [-1] * (k - len(best))


@given(
    seed=st.integers(0, 10_000),
    columns=st.integers(1, 3000),
    k=st.integers(0, 25),
    levels=st.sampled_from([1, 3, 1000]),
    hidden=st.sampled_from([0.0, 0.3, 0.99]),
)
def test_it_equals_a_stable_sort(
    seed: int, columns: int, k: int, levels: int, hidden: float
) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.integers(0, levels, (3, columns)).astype(np.float32)
    scores[generator.random(scores.shape) < hidden] = -np.inf
    items, values = top_k(scores, k)
    for row in range(3):
        assert items[row].tolist() == oracle(scores[row], k)
        listed = items[row] >= 0
        assert np.array_equal(values[row, listed], scores[row, items[row, listed]])
        assert (values[row, ~listed] == -np.inf).all()


@pytest.mark.parametrize("columns", [0, 5, 700])
def test_no_rows_and_no_places_give_empty_lists(columns: int) -> None:
    assert top_k(np.zeros((0, columns), np.float32), 3)[0].shape == (0, 3)
    assert top_k(np.zeros((2, columns), np.float32), 0)[0].shape == (2, 0)


@pytest.mark.parametrize("column", [0, 699])
def test_nan_is_refused_wherever_it_hides(column: int) -> None:
    scores = np.zeros((2, 700), np.float32)
    scores[1, column] = np.nan
    with pytest.raises(FitError, match="scores hold NaN"):
        top_k(scores, 3)


def test_the_three_measures_are_their_formulas() -> None:
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((40, 5)).astype(np.float32)
    query = generator.standard_normal((3, 5)).astype(np.float32)
    present = np.ones(40, bool)
    plain = query @ vectors.T
    lengths = np.outer(np.linalg.norm(query, axis=1), np.linalg.norm(vectors, axis=1))
    expected = {
        "dot": plain,
        "cosine": plain / lengths,
        "pearson": np.corrcoef(query, vectors)[:3, 3:],
    }
    for metric, scores in expected.items():
        items, values = ExactIndex(vectors, present, metric).search(query, 4)
        assert np.array_equal(items, np.argsort(-scores, axis=1)[:, :4])
        assert np.allclose(values, np.take_along_axis(scores, items, axis=1), atol=1e-5)


def test_absent_rows_are_never_found() -> None:
    index = ExactIndex(np.ones((4, 2), np.float32), np.array([False, True, False, True]))
    assert index.search(np.ones((1, 2), np.float32), 4)[0].tolist() == [[1, 3, -1, -1]]
    assert index.search(np.ones((0, 2), np.float32), 4)[0].shape == (0, 4)
