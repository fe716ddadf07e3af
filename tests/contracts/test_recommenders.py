"""What every registered recommender promises.

A test takes models and data alone, so that it can be called for any recommender: `fresh` is not
fitted, `model` is a shared one that was fitted on the checkerboard.
"""

import copy
import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from polyrec.artifact import part_state
from polyrec.config import make_part
from polyrec.contracts import GrowsItems, LinearInHistory, Recommender, StopsOnValid, Tunable
from polyrec.explain import explain
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


def test_equal_scores_go_to_the_lower_item(model: Recommender, checkerboard: Interactions) -> None:
    for query in (Query.of([[4, 0]]), checkerboard.histories([3]), Query.of([[]])):
        scores = model.score(query)[0]
        listed = model.recommend(query, 12, hide_seen=False).items[0]
        assert listed.tolist() == sorted(range(12), key=lambda item: (-scores[item], item))
    counts = checkerboard.positives().sum(axis=0)  # without history, many items are equal
    assert listed.tolist() == sorted(range(12), key=lambda item: (-counts[item], item))


def test_scores_may_be_overwritten_by_the_caller(
    model: Recommender, checkerboard: Interactions
) -> None:
    for query in (checkerboard.histories([4]), checkerboard.histories([3, 4]), Query.of([[]])):
        scores = model.score(query)
        before = scores.copy()
        scores[:] = -np.inf
        assert np.array_equal(model.score(query), before)


def test_the_history_of_the_question_counts_for_a_known_user(
    model: Recommender, checkerboard: Interactions
) -> None:
    if not model.is_personal:
        pytest.skip("its lists are the same for everyone")
    own = checkerboard.histories([2])
    other = dataclasses.replace(checkerboard.histories([3]), users=own.users)
    assert not np.array_equal(model.score(own), model.score(other))
    longer = dataclasses.replace(
        own, starts=own.starts + np.array([0, 1]), items=np.append(own.items, 5),
        weights=np.append(own.weights, np.float32(1)),
    )  # fmt: skip
    assert not np.array_equal(model.score(own), model.score(longer))


def test_the_same_seed_gives_the_same_bits(
    model: Recommender, fresh: Recommender, checkerboard: Interactions, parity_views: dict
) -> None:
    query = checkerboard.histories(range(20))
    assert np.array_equal(fresh.fit(checkerboard, parity_views).score(query), model.score(query))


def test_inputs_stay_as_they_were(
    fresh: Recommender, checkerboard: Interactions, parity_views: dict
) -> None:
    train, views = copy.deepcopy(checkerboard), copy.deepcopy(parity_views)
    query = train.histories(range(20))
    before = copy.deepcopy(query)
    model = fresh.fit(train, views)
    model.recommend(query, 3)
    if isinstance(model, GrowsItems):
        model.add_items({name: view.take([0, 1]) for name, view in views.items()})
    for given, kept in ((train, checkerboard), (query, before)):
        for field in dataclasses.fields(given):
            assert np.array_equal(getattr(given, field.name), getattr(kept, field.name))
    for name, view in views.items():
        assert np.array_equal(view.vectors, parity_views[name].vectors)
        assert np.array_equal(view.present, parity_views[name].present)


def test_events_of_valid_are_not_learned(
    fresh: Recommender, checkerboard: Interactions, parity_views: dict
) -> None:
    # users 20 and 21 have no train events: nobody evaluates on them, so they may change nothing
    train = dataclasses.replace(checkerboard, shape=(22, 12))
    valid = Interactions.of([0, 1, 2], [0, 3, 4], shape=(22, 12))
    more = Interactions.of(
        [0, 1, 2, *[20] * 6, *[21] * 6], [0, 3, 4, *range(6), *range(6)], shape=(22, 12)
    )
    query = train.histories(range(20))
    once = fresh.fit(train, parity_views, valid=valid).score(query)
    again = fresh.fit(train, parity_views, valid=more).score(query)
    assert np.array_equal(once, again)
    without = fresh.fit(train, parity_views).score(query)
    if not isinstance(fresh, StopsOnValid):
        assert np.array_equal(without, once)


def test_a_learning_curve_has_a_value_for_each_look_at_valid(
    fresh: Recommender, checkerboard: Interactions, parity_views: dict
) -> None:
    if not isinstance(fresh, StopsOnValid):
        pytest.skip("it does not stop on valid")
    assert not fresh.fit(checkerboard, parity_views).learning_curve()
    valid = Interactions.of([0, 1, 2], [0, 3, 4], shape=checkerboard.shape)
    curve = fresh.fit(checkerboard, parity_views, valid=valid).learning_curve()
    assert all(0 <= value <= 1 for value in curve)


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


def test_an_unusable_history_is_answered_as_an_empty_one(
    fresh: Recommender, checkerboard: Interactions, parity_views: dict
) -> None:
    # items 12 and 13 nobody took, and 13 has no content
    train = dataclasses.replace(checkerboard, shape=(20, 14))
    rows = {"text": (2, [[1.0, 0.0], [0.0, 0.0]]), "image": (3, [[0.5] * 3, [0.0] * 3])}
    views = {
        name: Embeddings(
            np.vstack([parity_views[name].vectors, np.array(more, np.float32)]),
            np.append(parity_views[name].present, [True, False]),
        )
        for name, (_, more) in rows.items()
    }
    model = fresh.fit(train, views)
    popular = model.recommend(Query.of([[]]), 14, hide_seen=False).items
    histories = {
        "seen, weight 0": ([3, 4], [0.0, 0.0]),
        "one dislike": ([3], [-1.0]),
        "an item nobody took and nobody described": ([13], [1.0]),
        "a dislike and an unknown item": ([5, 13], [-1.0, 1.0]),
    }
    for case, (items, weights) in histories.items():
        query = Query(
            np.array([-1]),
            np.array([0, len(items)]),
            np.array(items),
            np.array(weights, np.float32),
        )
        assert not model.usable(query).any(), case
        listed = model.recommend(query, 14, hide_seen=False).items
        assert listed.tolist() == popular.tolist(), case
    assert model.usable(train.histories(range(20))).all()


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


def test_added_items_leave_the_model_as_it_was(
    model: Recommender, checkerboard: Interactions, parity_views: dict
) -> None:
    if not isinstance(model, GrowsItems):
        pytest.skip("it can't take new items")
    query = checkerboard.histories(range(20))
    before = model.score(query)
    new = {name: view.take([0, 1, 11]) for name, view in parity_views.items()}
    grown = model.add_items(new)
    assert np.array_equal(model.score(query), before)
    scores = grown.score(query)
    assert scores.shape == (20, 15)
    if not _rescales(model):
        assert np.allclose(scores[:, :12], before, atol=1e-5)
    assert np.isfinite(scores).all()


def test_items_added_at_once_are_items_added_one_by_one(
    model: Recommender, checkerboard: Interactions, parity_views: dict
) -> None:
    if not isinstance(model, GrowsItems):
        pytest.skip("it can't take new items")
    query = checkerboard.histories(range(20))
    rows = [0, 1, 11]
    once = model.add_items({name: view.take(rows) for name, view in parity_views.items()})
    single = model
    for row in rows:
        single = single.add_items({name: view.take([row]) for name, view in parity_views.items()})
    assert np.allclose(once.score(query), single.score(query), atol=1e-5)


def _rescales(model: Recommender) -> bool:
    """Return whether known items' scores change with the catalogue: a blend standardises rows."""
    return hasattr(model, "members_")


def test_exact_parts_add_up_to_the_score(model: Recommender, checkerboard: Interactions) -> None:
    if not isinstance(model, LinearInHistory):
        pytest.skip("its scores are no sums over the history")
    query = checkerboard.histories(range(20))
    for item in range(12):
        contributions = model.weight_contributions(item, checkerboard)
        assert contributions
        column = sum(contributions.values())
        expected = query.matrix(12) @ column
        reached = np.abs(expected) > 0  # what a sparse model does not reach is ranked behind
        assert np.allclose(model.score(query)[reached, item], expected[reached], atol=1e-5)
        explanation = explain(model, checkerboard.histories([4]), item, checkerboard)
        assert explanation.exact
        assert explanation.remainder == pytest.approx(0, abs=1e-5)
        assert explanation.baseline in (0, explanation.score)


def test_no_content_at_all_is_no_error(fresh: Recommender, checkerboard: Interactions) -> None:
    scores = fresh.fit(checkerboard, {}).score(checkerboard.histories([0]))
    assert np.isfinite(scores).all()


def test_its_search_space_holds_settings_of_its_own(fresh: Recommender, parity_views: dict) -> None:
    assert isinstance(fresh, Tunable)
    for stage in fresh.search_space(parity_views):
        for name, candidates in stage.items():
            for candidate in candidates:
                make_part(type(fresh), {name: candidate}, where="recommend")
    settings = part_state.part_settings(fresh)
    assert {name.partition(".")[0] for name in fresh.ranges(parity_views)} <= set(settings)
