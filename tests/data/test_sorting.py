import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polyrec.data.sorting import order_by

wide = st.integers(-(2**40), 2**40)


@given(st.lists(st.tuples(wide, wide, st.integers(0, 3)), max_size=40))
def test_it_equals_a_sort_of_tuples_whether_the_keys_fit_or_not(rows: list) -> None:
    keys = [np.array([row[i] for row in rows], np.int64) for i in range(3)]
    for used in (keys, keys[1:]):
        expected = sorted(zip(*(key.tolist() for key in used), strict=True))
        order = order_by(*used)
        assert [tuple(int(key[i]) for key in used) for i in order] == expected
