from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse

from polyrec.artifact import part_state
from polyrec.errors import ConfigError
from polyrec.recommend.linear.rp3beta import RP3Beta
from polyrec.recommend.popular import Popular


@dataclass
class Part:
    size: int = 3
    learned_: object = field(init=False, repr=False)


def round_trip(value: object) -> object:
    part, fresh = Part(), Part()
    part.learned_ = value
    part_state.load_learned(fresh, *part_state.dump_learned(part))
    return fresh.learned_


plain = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text())


@given(st.one_of(plain, st.lists(plain), st.lists(plain).map(tuple)))
def test_plain_values_come_back_as_they_were(value: object) -> None:
    back = round_trip(value)
    assert back == value
    assert type(back) is type(value)


@given(arrays.arrays(np.float32, arrays.array_shapes(max_dims=3, min_side=0)))
def test_arrays_come_back_in_dicts_of_dicts(value: np.ndarray) -> None:
    back = round_trip({"a": {"b/c": value}, "n": 1})
    assert back["n"] == 1
    assert np.array_equal(back["a"]["b/c"], value, equal_nan=True)


def test_sparse_matrices_come_back() -> None:
    matrix = sparse.random_array((5, 4), density=0.4, format="csr", rng=np.random.default_rng(0))
    assert (round_trip(matrix) != matrix).nnz == 0


def test_settings_and_private_names_are_not_saved() -> None:
    part = Part(size=4)
    part.learned_ = 1
    part._hidden_ = 2
    assert part_state.dump_learned(part)[0] == {"learned_": {"value": 1}}
    assert part_state.part_settings(part) == {"size": 4}


@pytest.mark.parametrize("value", [object(), np.array([object()]), {"a": object()}, [[1]]])
def test_values_that_a_bundle_can_not_store_are_errors(value: object) -> None:
    with pytest.raises(TypeError, match="a bundle can't store"):
        round_trip(value)


def test_parts_within_a_part_come_back_with_what_they_learned() -> None:
    inner = [RP3Beta(beta=0.4), Popular()]
    inner[1].popularity_ = np.arange(3, dtype=np.float32)
    back = round_trip(inner)
    assert back == inner
    assert np.array_equal(back[1].popularity_, inner[1].popularity_)


def test_an_unregistered_part_is_not_saved() -> None:
    with pytest.raises(TypeError, match="a bundle can't store"):
        round_trip([Part()])


def test_a_bundle_can_not_name_an_unregistered_part() -> None:
    node = {"room": "recommend", "use": "os:system", "settings": {}, "learned": {}}
    with pytest.raises(ConfigError, match="unknown part"):
        part_state.load_learned(Part(), {"learned_": {"parts": [node]}}, {})
