"""Every metric equals a few lines that anyone can check."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyrec.errors import ConfigError
from polyrec.evaluate.metrics import AGGREGATE_METRICS, HIT_METRICS, Metric

cases = st.lists(
    st.tuples(st.lists(st.booleans(), min_size=4, max_size=4), st.integers(0, 6)),
    min_size=1,
    max_size=8,
)


def oracle(name: str, hits: list[bool], relevant: int, share: float) -> float:
    k = len(hits)
    ideal = min(relevant, k)
    return {
        "recall": sum(hits) / relevant,
        "precision": sum(hits) / k,
        "ndcg": sum(h / math.log2(r + 2) for r, h in enumerate(hits))
        / sum(1 / math.log2(r + 2) for r in range(ideal)),
        "map": sum(sum(hits[: r + 1]) / (r + 1) for r, h in enumerate(hits) if h) / ideal,
        "mrr": max((1 / (r + 1) for r, h in enumerate(hits) if h), default=0),
        "hit_rate": float(any(hits)),
        "accuracy": sum(hits) * share,
    }[name]


@pytest.mark.parametrize("name", sorted(HIT_METRICS))
@given(sampled=cases)
def test_a_metric_per_user_equals_its_definition(name: str, sampled: list) -> None:
    sampled = [(hits, max(1, sum(hits), relevant)) for hits, relevant in sampled]
    relevant = np.array([count for _, count in sampled])
    values = HIT_METRICS[name](np.array([hits for hits, _ in sampled]), relevant)
    share = len(sampled) / relevant.sum()
    expected = [oracle(name, hits, count, share) for hits, count in sampled]
    assert np.allclose(values, expected)


def test_accuracy_is_the_share_of_answered_questions() -> None:
    hits = np.array([[True, True], [False, False]])
    assert HIT_METRICS["accuracy"](hits, np.array([3, 1])).mean() == pytest.approx(2 / 4)


@given(st.lists(st.lists(st.integers(-1, 6), min_size=3, max_size=3), min_size=1, max_size=6))
def test_metrics_over_lists_equal_their_definitions(lists: list[list[int]]) -> None:
    shown = [item for row in lists for item in row if item >= 0]
    counts = np.array([9, 5, 4, 1, 1, 1, 0], np.float32)
    result = {name: metric(np.array(lists), counts) for name, metric in AGGREGATE_METRICS.items()}
    assert result["coverage"] == pytest.approx(len(set(shown)) / 7)
    if not shown:
        assert math.isnan(result["gini"])
        assert math.isnan(result["novelty"])
        assert math.isnan(result["long_tail"])
        return
    times = [shown.count(item) for item in range(7)]
    differences = sum(abs(a - b) for a in times for b in times)
    assert result["gini"] == pytest.approx(differences / (2 * 7 * sum(times)))
    surprise = [-math.log2(max(1, counts[item]) / 21) for item in shown]
    assert result["novelty"] == pytest.approx(sum(surprise) / len(shown))
    assert result["long_tail"] == pytest.approx(sum(item != 0 for item in shown) / len(shown))


@pytest.mark.parametrize(
    "text", ["recal@20", "recall", "recall@0", "recall@ten", "@5", "recall@-1"]
)
def test_a_name_that_is_no_metric_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        Metric.parse(text)
