import numpy as np
import pytest

from polyrec.index.vectors import unit_rows, unit_vector


def test_rows_come_out_at_length_1_and_zero_rows_stay() -> None:
    rows = np.random.default_rng(0).standard_normal((50, 7)).astype(np.float32)
    rows[3] = 0
    unit = unit_rows(rows)
    assert unit.dtype == np.float32
    assert np.allclose(np.linalg.norm(unit, axis=1), np.arange(50) != 3, atol=1e-6)
    assert np.allclose(unit[0], unit_vector(rows[0]), atol=1e-7)
    assert not unit_vector(rows[3]).any()


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_the_squares_of_tiny_and_large_numbers_are_in_range(scale: float) -> None:
    rows = np.float32([[3, 4]]) * np.float32(scale)
    assert unit_rows(rows)[0] == pytest.approx([0.6, 0.8])


def test_absent_rows_are_zero_whatever_they_hold() -> None:
    rows = np.float32([[np.nan, 1], [3, 4]])
    assert unit_rows(rows, np.array([False, True])).tolist() == [[0, 0], pytest.approx([0.6, 0.8])]
