"""Joined rankings: scores on one scale, their weighted mean, and discounts by rank."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polyrec.index.score_fusion import add_scores, discount_ranks, scale_scores

SCORES = st.lists(st.sampled_from([-np.inf, -0.1, 0.1, 0.2, 0.3]), min_size=6, max_size=6)


@given(SCORES, st.floats(-0.5, 0.5))
def test_a_scale_keeps_the_order_and_ends_at_one(values: list[float], floor: float) -> None:
    scores = np.array(values, np.float32)
    scaled = scale_scores(scores, floor=floor)
    assert ((scaled > -np.inf) == (scores > -np.inf)).all()
    if scores.max() > floor:
        assert np.isclose(scaled.max(), 1)
        ascending = scaled[np.argsort(scores, kind="stable")]
        assert (ascending[1:] >= ascending[:-1]).all()
    else:
        assert (scaled[scaled > -np.inf] == 0).all()


@given(SCORES, SCORES, st.integers(1, 6), st.floats(0.1, 9))
def test_items_of_no_list_are_left_out(
    first: list[float], second: list[float], depth: int, weight: float
) -> None:
    rankings = [(np.array(first, np.float32), 1.0), (np.array(second, np.float32), weight)]
    joined = add_scores(rankings, depth=depth)
    listed = set()
    expected = np.zeros(6)
    for scores, share in rankings:
        ranked = [i for i in np.argsort(-scores, kind="stable") if scores[i] > -np.inf]
        listed |= set(ranked[:depth])
        expected += np.where(scores > -np.inf, scores, 0) * share / (1 + weight)
    assert set(np.flatnonzero(joined > -np.inf)) == listed
    assert np.allclose(joined[sorted(listed)], expected[sorted(listed)], atol=1e-5)


def test_nothing_to_rank_is_nothing() -> None:
    nothing = np.full(3, -np.inf, np.float32)
    assert (discount_ranks(nothing) == 0).all()
    assert (scale_scores(nothing) == -np.inf).all()
    assert len(discount_ranks(np.zeros(0, np.float32))) == 0
