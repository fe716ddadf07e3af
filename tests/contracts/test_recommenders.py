"""What every registered recommender promises."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from polyrec.artifact import part_state
from polyrec.config import make_part
from polyrec.contracts import Recommender
from polyrec.registry import registered_parts
from polyrec.types import Embeddings, Interactions, Query
from small_models import small

NAMES = sorted(registered_parts("recommend"))


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def fresh(name: str) -> Recommender:
    return small(name)


@pytest.fixture
def model(name: str, fitted: Callable[[str], Recommender]) -> Recommender:
    """Return the fitted model that all tests share."""
    return fitted(name)


def test_it_is_a_recommender_whose_settings_make_it_again(fresh: Recommender) -> None:
    assert isinstance(fresh, Recommender)
    assert dataclasses.is_dataclass(fresh)
    assert make_part(type(fresh), part_state.part_settings(fresh), where="recommend") == fresh


def test_fitting_twice_is_fitting_once(
    model: Recommender, fresh: Recommender, checkerboard: Interactions, parity_views: dict
) -> None:
    query = checkerboard.histories(range(20))
    other = Interactions.of([0, 1], [3, 4], shape=checkerboard.shape)
    again = fresh.fit(other, parity_views).fit(checkerboard, parity_views)
    assert again is fresh
    assert np.array_equal(again.score(query), model.score(query))


def test_scores_are_finite_float32_and_a_batch_equals_its_members(
    model: Recommender, checkerboard: Interactions
) -> None:
    query = checkerboard.histories(range(20))
    scores = model.score(query)
    assert scores.dtype == np.float32
    assert scores.shape == (20, 12)
    assert np.isfinite(scores).all()
    single = np.concatenate([model.score(query.take(i, i + 1)) for i in range(20)])
    assert np.allclose(scores, single, atol=1e-6)


def test_personal_models_find_the_missing_square(
    model: Recommender, checkerboard: Interactions
) -> None:
    if not model.is_personal:
        pytest.skip("popular is the same for everyone")
    ranking = model.recommend(checkerboard.histories(range(20)), 1)
    expected = [2 * (user % 6) + user % 2 for user in range(20)]
    assert ranking.items[:, 0].tolist() == expected


def test_seen_items_stay_hidden_unless_asked_for(
    model: Recommender, checkerboard: Interactions
) -> None:
    query = checkerboard.histories(range(20))
    seen = query.matrix(12).toarray() > 0
    hidden = model.recommend(query, 12)
    for row in range(20):
        listed = hidden.items[row][hidden.items[row] >= 0]
        assert not seen[row, listed].any()
        assert len(listed) == 12 - seen[row].sum()
    assert (model.recommend(query, 12, hide_seen=False).items >= 0).all()


def test_a_list_longer_than_the_catalogue_is_padded(model: Recommender) -> None:
    ranking = model.recommend(Query.of([[0]]), 30)
    assert (ranking.items[0] >= 0).sum() == 11
    assert ranking.items[0, 11:].tolist() == [-1] * 19
    assert (ranking.scores[0, 11:] == -np.inf).all()


def test_no_history_is_answered_with_what_is_popular(checkerboard: Interactions, fresh: Recommender,
                                                     parity_views: dict) -> None:  # fmt: skip
    extra = Interactions.of(
        [*checkerboard.users, 0, 1], [*checkerboard.items, 7, 7], shape=checkerboard.shape
    )
    model = fresh.fit(extra, parity_views)
    counts = extra.positives().sum(axis=0)
    listed = model.recommend(Query.of([[], [2]]), 12).items[0]
    assert counts[listed[0]] == counts.max()
    assert sorted(listed.tolist()) == list(range(12))


def test_no_questions_get_no_answers(model: Recommender) -> None:
    assert model.recommend(Query.of([]), 3).items.shape == (0, 3)


def test_renumbered_items_permute_scores(
    model: Recommender, fresh: Recommender, checkerboard: Interactions, parity_views: dict
) -> None:
    if fresh.is_random:
        pytest.skip("what is drawn at random goes by the number of an item")
    before = model.score(checkerboard.histories(range(20)))
    order = np.random.default_rng(1).permutation(12)  # new row r is old row order[r]
    place = np.argsort(order)
    moved = dataclasses.replace(checkerboard, items=place[checkerboard.items])
    views = {name: view.take(order) for name, view in parity_views.items()}
    after = fresh.fit(moved, views).score(moved.histories(range(20)))
    assert np.allclose(after, before[:, order], atol=1e-5)


def test_learned_state_comes_back_from_a_bundle(
    model: Recommender, checkerboard: Interactions
) -> None:
    again = make_part(type(model), part_state.part_settings(model), where="recommend")
    part_state.load_learned(again, *part_state.dump_learned(model))
    query = checkerboard.histories(range(20))
    assert np.array_equal(again.score(query), model.score(query))


def test_what_an_absent_modality_holds_changes_nothing(
    model: Recommender, fresh: Recommender, checkerboard: Interactions, parity_views: dict
) -> None:
    query = checkerboard.histories(range(20))
    image = parity_views["image"]
    junk = image.vectors.copy()
    junk[~image.present] = 1e6
    other = fresh.fit(checkerboard, parity_views | {"image": Embeddings(junk, image.present)})
    assert np.array_equal(other.score(query), model.score(query))


def test_no_content_at_all_is_no_error(fresh: Recommender, checkerboard: Interactions) -> None:
    scores = fresh.fit(checkerboard, {}).score(checkerboard.histories([0]))
    assert np.isfinite(scores).all()


def test_its_search_space_holds_settings_of_its_own(fresh: Recommender, parity_views: dict) -> None:
    for stage in fresh.search_space(parity_views):
        for name, candidates in stage.items():
            for candidate in candidates:
                make_part(type(fresh), {name: candidate}, where="recommend")
