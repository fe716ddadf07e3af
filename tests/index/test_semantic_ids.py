"""Semantic ids: similar items share their first tokens."""

import numpy as np
import pytest

from polyrec.errors import FitError
from polyrec.index.semantic_ids import ResidualKMeans, near_duplicates, number_collisions


@pytest.fixture
def clusters() -> np.ndarray:
    """Return 8 groups of 30 rows: far apart in the first column, less so in the second."""
    generator = np.random.default_rng(0)
    centres = np.array([(100.0 * i, 10.0 * j) for i in range(4) for j in range(2)])
    rows = np.repeat(centres, 30, axis=0) + 0.1 * generator.standard_normal((240, 2))
    return rows.astype(np.float32)


def test_the_first_token_is_the_coarse_group_and_the_second_the_fine_one(
    clusters: np.ndarray,
) -> None:
    codes = ResidualKMeans(levels=2, size=4).fit(clusters).encode(clusters)
    coarse, fine = np.arange(240) // 60, np.arange(240) // 30
    assert len({(group, token) for group, token in zip(coarse, codes[:, 0], strict=True)}) == 4
    assert all(len(np.unique(codes[fine == group], axis=0)) <= 2 for group in range(8))
    assert len(np.unique(np.column_stack([codes, fine]), axis=0)) == len(np.unique(codes, axis=0))


def test_each_level_lowers_the_error(clusters: np.ndarray) -> None:
    rows = np.random.default_rng(1).standard_normal((300, 8)).astype(np.float32)
    errors = []
    for levels in (1, 2, 3):
        model = ResidualKMeans(levels=levels, size=8).fit(rows)
        errors.append(float(((rows - model.decode(model.encode(rows))) ** 2).mean()))
    assert errors[0] > errors[1] > errors[2]
    again = ResidualKMeans(levels=3, size=8).fit(rows)
    assert all(np.array_equal(a, b) for a, b in zip(again.codebooks, model.codebooks, strict=True))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_few_or_equal_rows_are_no_error(count: int) -> None:
    rows = np.ones((count, 4), np.float32)
    model = ResidualKMeans(levels=2, size=8).fit(rows)
    codes = model.encode(np.vstack([rows, np.zeros((1, 4), np.float32)]))
    assert codes.shape == (count + 1, 2)
    assert len(np.unique(codes[:count], axis=0)) <= 1


def test_broken_rows_and_settings_are_errors() -> None:
    with pytest.raises(FitError, match="not finite"):
        ResidualKMeans().fit(np.full((3, 2), np.nan, np.float32))
    with pytest.raises(FitError, match="levels and size"):
        ResidualKMeans(levels=0).fit(np.ones((3, 2), np.float32))


def test_numbers_make_codes_unique_also_for_items_that_come_later() -> None:
    codes = np.random.default_rng(2).integers(3, size=(60, 2))
    numbers = number_collisions(codes)
    assert len(np.unique(np.column_stack([codes, numbers]), axis=0)) == 60
    assert number_collisions(codes[40:], known=codes[:40]).tolist() == numbers[40:].tolist()


def test_near_duplicates_are_those_of_all_pairs(clusters: np.ndarray) -> None:
    generator = np.random.default_rng(3)
    rows = generator.standard_normal((200, 16)).astype(np.float32)
    rows[150:] = rows[:50] + 0.01 * generator.standard_normal((50, 16))
    present = np.arange(200) != 199  # the copy of 49 has no content
    codes = ResidualKMeans(levels=2, size=8).fit(rows).encode(rows)
    pairs = near_duplicates(rows, present, codes, similarity=0.99)
    found_pairs = {(first, second) for first, second, _ in pairs}
    assert found_pairs <= {(i, i + 150) for i in range(49)}
    assert len(found_pairs) >= 45
    assert [cosine for *_, cosine in pairs] == sorted((c for *_, c in pairs), reverse=True)
