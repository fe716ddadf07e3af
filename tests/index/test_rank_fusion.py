"""Joined rankings: what any ranking has, in the order of the weighted reciprocal ranks."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polyrec.index.rank_fusion import fuse_ranks

SCORES = st.lists(st.sampled_from([-np.inf, 0.1, 0.2, 0.3, 0.4]), min_size=6, max_size=6)


@given(SCORES, SCORES, st.integers(1, 6), st.floats(0.1, 9))
def test_sums_are_those_of_the_formula(
    first: list[float], second: list[float], depth: int, weight: float
) -> None:
    rankings = [(np.array(first, np.float32), 1.0), (np.array(second, np.float32), weight)]
    fused = fuse_ranks(rankings, depth=depth, offset=10)
    expected = np.zeros(6)
    for scores, share in rankings:
        ranked = [i for i in np.argsort(-scores, kind="stable") if scores[i] > -np.inf][:depth]
        for rank, item in enumerate(ranked, start=1):
            expected[item] += share / (10 + rank) / ((1 + weight) / 11)
    assert np.allclose(np.where(fused > -np.inf, fused, 0), expected, atol=1e-6)
    assert ((fused > -np.inf) == (expected > 0)).all()
    assert fused.max(initial=0) <= 1 + 1e-6
