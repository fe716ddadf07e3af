"""Content graphs: the nearest of each item, exact, with nothing said of what is absent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from polyrec.errors import FitError
from polyrec.recommend.item_graph import ContentSimilarity, knn_graph, mix_graphs
from polyrec.types import Csr, Embeddings


def view(count: int, width: int = 6, *, seed: int = 0, absent: tuple[int, ...] = ()) -> Embeddings:
    rows = np.random.default_rng(seed).normal(3, 1, (count, width)).astype(np.float32)
    present = np.ones(count, bool)
    present[list(absent)] = False
    return Embeddings(rows, present)


def linked(content: Embeddings, k: int) -> Csr:
    rows = ContentSimilarity.of(content).rows(content)
    return knn_graph(rows, rows, k, same=True)


def by_hand(rows: np.ndarray, k: int) -> np.ndarray:
    cosines = rows.astype(np.float64) @ rows.T
    expected = np.zeros_like(cosines)
    for item, line in enumerate(cosines):
        line[item] = -1
        for other in np.argsort(-line, kind="stable")[:k]:
            expected[item, other] = max(line[other], 0)
    total = expected.sum(axis=1, keepdims=True)
    return expected / np.where(total > 0, total, 1)


def test_neighbours_are_those_found_by_comparing_all() -> None:
    content = view(70, absent=(3, 11))
    rows = ContentSimilarity.of(content).rows(content)
    assert np.allclose(linked(content, 5).toarray(), by_hand(rows, 5), atol=1e-6)


@given(
    arrays(np.float32, (9, 3), elements=st.integers(-2, 2).map(float)),
    arrays(np.bool_, 9),
    st.integers(1, 12),
)
def test_rows_add_up_to_one_or_are_empty(rows: np.ndarray, present: np.ndarray, k: int) -> None:
    graph = linked(Embeddings(rows, present), k)
    sums = np.asarray(graph.sum(axis=1)).ravel()
    assert np.all(np.isclose(sums, 1, atol=1e-5) | (sums == 0))
    assert graph.data.min(initial=1) > 0
    assert np.diff(graph.indptr).max() <= k
    dense = graph.toarray()
    assert not dense.diagonal().any()
    assert not dense[~present].any()
    assert not dense[:, ~present].any()


def test_equal_neighbours_go_to_the_lower_number() -> None:
    rows = np.array([[1, 0], [0, 1], [0, 1], [0, 1], [0, 1]], np.float32)
    graph = knn_graph(rows, rows, 2, same=True)
    assert [graph[[i]].indices.tolist() for i in range(5)] == [[], [2, 3], [1, 3], [1, 2], [1, 2]]


def test_what_absent_rows_hold_changes_nothing() -> None:
    content = view(20, absent=(4,))
    junk = content.vectors.copy()
    junk[4] = np.nan
    other = Embeddings(junk, content.present)
    assert (linked(content, 3) != linked(other, 3)).nnz == 0


def test_moving_or_stretching_all_content_changes_no_neighbour() -> None:
    content = view(30)
    moved = Embeddings(100 + 7 * content.vectors, content.present)
    before, after = linked(content, 4), linked(moved, 4)
    assert np.array_equal(before.indices, after.indices)


def test_an_item_without_a_view_has_the_others_whole() -> None:
    views = {"text": view(20, absent=(0,)), "image": view(20, seed=1, absent=(1,))}
    graphs = {name: linked(content, 4) for name, content in views.items()}
    graph = mix_graphs(graphs, {"text": 3, "image": 1}, (20, 20)).toarray()
    text, image = (graphs[name].toarray() for name in ("text", "image"))
    assert np.allclose(graph[0], image[0], atol=1e-6)
    assert np.allclose(graph[1], text[1], atol=1e-6)
    assert np.allclose(graph[2], 0.75 * text[2] + 0.25 * image[2], atol=1e-6)


def test_no_content_is_an_empty_graph() -> None:
    nobody = Embeddings(np.zeros((4, 3), np.float32), np.zeros(4, bool))
    assert linked(nobody, 3).nnz == 0
    assert linked(nobody.take(np.arange(0)), 3).shape == (0, 0)
    assert mix_graphs({}, {}, (2, 4)).shape == (2, 4)
    assert mix_graphs({"text": linked(nobody, 3)}, {"text": 1.0}, (4, 4)).nnz == 0
    alone = Embeddings(np.ones((1, 3), np.float32), np.ones(1, bool))
    assert linked(alone, 3).nnz == 0


def test_what_cannot_be_compared_is_refused() -> None:
    content = view(5)
    with pytest.raises(FitError, match="received 0; give k >= 1"):
        linked(content, 0)
    with pytest.raises(FitError, match="another width than at fit"):
        ContentSimilarity.of(content).rows(view(5, 7))
    with pytest.raises(FitError, match="not finite"):
        linked(Embeddings(np.full((3, 2), np.inf, np.float32), np.ones(3, bool)), 2)
