"""Diversity and calibration equal a few lines that anyone can check."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from polyrec.errors import ConfigError, DataError
from polyrec.evaluate.content import calibration, content_clusters, diversity
from polyrec.evaluate.metrics import Metric
from polyrec.evaluate.protocols import bootstrap_interval, evaluate_top_k
from polyrec.recommend.popular import Popular
from polyrec.types import Embeddings, Interactions

GENERATOR = np.random.default_rng(0)
VIEW = Embeddings(
    np.where(np.arange(7)[:, None] == 3, 0, GENERATOR.standard_normal((7, 4))).astype(np.float32),
    np.arange(7) != 3,
)
LABELS = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [0, 0, 0], [0, 0, 1]])
lists = st.lists(st.lists(st.integers(-1, 6), min_size=3, max_size=3, unique=True), min_size=1)


def same(first: float, other: float) -> bool:
    return (math.isnan(first) and math.isnan(other)) or math.isclose(first, other, abs_tol=1e-5)


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return 1 - float(a @ b) / float(np.linalg.norm(a) * np.linalg.norm(b))


@given(lists)
def test_diversity_is_the_mean_distance_of_all_pairs(sampled: list[list[int]]) -> None:
    for row, result in zip(sampled, diversity(np.array(sampled), VIEW), strict=True):
        existing = [VIEW.vectors[item] for item in row if item >= 0 and VIEW.present[item]]
        pairs = [distance(a, b) for a, b in itertools.combinations(existing, 2)]
        assert same(result, sum(pairs) / len(pairs) if pairs else math.nan)


def mix(items: dict[int, float]) -> list[float] | None:
    total = [0.0, 0.0, 0.0]
    for item, weight in items.items():
        for label in range(3):
            total[label] += weight * LABELS[item, label] / max(1, LABELS[item].sum())
    return [value / sum(total) for value in total] if sum(total) else None


@given(lists, st.dictionaries(st.integers(0, 6), st.integers(1, 3), max_size=4))
def test_calibration_is_its_definition(sampled: list[list[int]], taken: dict[int, float]) -> None:
    history = np.zeros((len(sampled), 7))
    history[:, list(taken)] = list(taken.values())
    result = calibration(np.array(sampled), sparse.csr_array(history), sparse.csr_array(LABELS))
    for row, value in zip(sampled, result, strict=True):
        p, q = mix(taken), mix({item: 1 for item in row if item >= 0})
        if p is None or q is None:
            assert math.isnan(value)
            continue
        smooth = [0.99 * b + 0.01 * a for a, b in zip(p, q, strict=True)]
        assert same(value, sum(a * math.log(a / b) for a, b in zip(p, smooth, strict=True) if a))


def test_clusters_find_the_directions_that_are_there() -> None:
    kinds = np.arange(60) % 3
    rows = np.eye(3, 8)[kinds] * 4 + 0.3 * GENERATOR.standard_normal((60, 8))
    view = Embeddings(rows.astype(np.float32), np.arange(60) > 1)
    result = content_clusters(view, count=3).toarray()
    assert result[:2].sum() == 0
    assert (result[2:].sum(axis=1) == 1).all()
    together = result[2:] @ result[2:].T > 0
    assert np.array_equal(together, kinds[2:, None] == kinds[None, 2:])
    assert np.array_equal(result, content_clusters(view, count=3).toarray())


def test_alike_items_make_one_cluster_and_no_content_makes_none() -> None:
    alike = Embeddings(np.ones((5, 2), np.float32), np.ones(5, bool))
    assert content_clusters(alike).toarray().tolist() == [[1.0]] * 5
    nothing = Embeddings(np.zeros((5, 2), np.float32), np.zeros(5, bool))
    assert content_clusters(nothing).sum() == 0
    lists = np.array([[0, 1]])
    assert np.isnan(
        calibration(lists, sparse.csr_array(np.ones((1, 5))), content_clusters(nothing))
    ).all()


def test_they_are_metrics_like_all_others(checkerboard: Interactions, parity_views: dict) -> None:
    target = Interactions.of([0, 1], [0, 3], shape=checkerboard.shape)
    model = Popular().fit(checkerboard, {})
    names = ["diversity@4:text", "calibration@4:image", "diversity@4"]
    result = evaluate_top_k(model, checkerboard, target, names, views=parity_views)
    expected = diversity(result.ranking.items, parity_views["text"])
    assert result.values["diversity@4:text"].tolist() == expected.tolist()
    assert result.means["calibration@4:image"] > 0
    # nothing was fused, so the default can't be told
    assert np.isnan(result.values["diversity@4"]).all()
    assert math.isnan(result.means["diversity@4"])
    assert np.isnan(bootstrap_interval(result.values["diversity@4"])).all()
    with pytest.raises(DataError, match="no such view: received 'txt'; did you mean 'text'"):
        evaluate_top_k(model, checkerboard, target, ["diversity@4:txt"], views=parity_views)


@pytest.mark.parametrize("text", ["recall@20:text", "gini@20:cold", "diversity@20:", "map@3:"])
def test_an_unknown_suffix_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="unknown suffix of a metric"):
        Metric.parse(text)
