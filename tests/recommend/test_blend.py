"""A blend weighs its members on valid, and is kept and grown with them."""

import json

import numpy as np
import pytest

from polyrec.artifact import part_state
from polyrec.errors import ConfigError, FitError
from polyrec.evaluate.protocols import evaluate_top_k
from polyrec.recommend.ensemble.blend import Blend
from polyrec.recommend.ensemble.simplex_search import Candidates, best_weights
from polyrec.recommend.linear.ease import EASE
from polyrec.recommend.popular import Popular
from polyrec.types import Interactions, Query

TWO = [{"use": "ease", "l2": 10}, {"use": "popular"}]


def events(seed: int, count: int, *, users: int = 60, items: int = 40) -> Interactions:
    generator = np.random.default_rng(seed)
    who = generator.integers(0, users, count)
    what = (2 * generator.integers(0, items // 2, count) + who % 2) % items
    pairs = np.unique(np.stack([who, what], axis=1), axis=0)
    return Interactions.of(pairs[:, 0], pairs[:, 1], shape=(users, items))


def test_scores_are_the_weighted_standard_scores_of_the_members() -> None:
    train = events(0, 400)
    blend = Blend(TWO, weights=[3, 1]).fit(train, {})
    query = train.histories([0, 1])
    parts = [EASE(l2=10).fit(train, {}).score(query), Popular().fit(train, {}).score(query)]
    standard = [(s - s.mean(1, keepdims=True)) / s.std(1, keepdims=True) for s in parts]
    assert np.allclose(blend.score(query), 0.75 * standard[0] + 0.25 * standard[1], atol=1e-5)


def test_valid_gives_a_member_that_only_guesses_no_say() -> None:
    train, valid = events(0, 400), events(1, 150)
    blend = Blend(TWO).fit(train, {}, valid=valid)
    assert blend.weights_[0] > 0.8
    assert blend.weights_.sum() == pytest.approx(1)
    assert Blend(TWO).fit(train, {}).weights_.tolist() == [0.5, 0.5]  # nobody to ask
    nobody = valid.take(np.zeros(0, int))
    assert Blend(TWO).fit(train, {}, valid=nobody).weights_.tolist() == [0.5, 0.5]


def test_the_figure_of_the_candidates_is_that_of_the_evaluation() -> None:
    train, valid = events(0, 400), events(1, 150)
    weights = np.array([0.7, 0.3], np.float32)
    blend = Blend(TWO, weights=weights.tolist()).fit(train, {})
    candidates = Candidates.of(lambda query: list(blend._standard_scores(query)), train, valid)
    assert candidates is not None
    means = evaluate_top_k(blend, train, valid, ["recall@20", "ndcg@20"]).means
    assert candidates.quality(weights) == pytest.approx(sum(means.values()), abs=1e-6)


def test_the_climb_finds_what_a_grid_finds() -> None:
    generator = np.random.default_rng(0)
    hits = np.zeros((300, 50), bool)
    hits[:, :5] = True
    scores = generator.normal(size=(300, 50, 3)).astype(np.float32)
    scores[:, :5] += np.array([0.6, 1.2, 0.0])  # the third knows nothing
    candidates = Candidates(scores, hits, np.full(300, 5))
    found = best_weights(candidates)
    steps = np.linspace(0, 1, 11)
    grid = [(a, b, 1 - a - b) for a in steps for b in steps if a + b <= 1.0001]
    best = max(candidates.quality(np.array(w, np.float32)) for w in grid)
    assert found.sum() == pytest.approx(1)
    assert (found >= 0).all()
    assert candidates.quality(found) >= best - 1e-6
    assert found[1] > found[0] > found[2]


def test_members_of_one_kind_may_differ_in_their_settings() -> None:
    train = events(0, 400)
    members = [{"use": "ease", "l2": 1}, {"use": "ease", "l2": 1000}]
    blend = Blend(members).fit(train, {})
    assert [member.l2 for member in blend.members_] == [1.0, 1000.0]


def test_it_comes_back_from_a_bundle_with_its_members() -> None:
    train = events(0, 400)
    blend = Blend(TWO).fit(train, {}, valid=events(1, 100))
    tree, arrays = part_state.dump_learned(blend)
    again = Blend(**part_state.part_settings(blend))
    part_state.load_learned(again, json.loads(json.dumps(tree)), arrays)
    query = train.histories(range(5))
    assert np.array_equal(again.score(query), blend.score(query))


def test_members_that_can_take_new_items_speak_for_them(parity_views, checkerboard) -> None:
    members = [{"use": "multimodal_linear"}, {"use": "item_knn", "shrink": 1}]
    blend = Blend(members).fit(checkerboard, parity_views)
    fresh = {name: view.take([0, 1]) for name, view in parity_views.items()}
    grown = blend.add_items(fresh)
    assert blend.score(Query.of([[0, 2]])).shape == (1, 12)
    scores = grown.score(Query.of([[0, 2], [1, 3], [12]]))
    assert scores.shape == (3, 14)
    assert np.isfinite(scores).all()
    assert scores[0, 12] > scores[0, 13]
    assert scores[1, 13] > scores[1, 12]
    assert scores[2, [2, 4]].min() > scores[2, [3, 5]].max()  # a new item in a history tells
    assert (grown.recommend(Query.of([[]]), 14).items >= 0).all()


def test_a_member_reads_the_views_that_it_names(parity_views, checkerboard) -> None:
    one, all_of_them = {"use": "multimodal_linear", "views": ["text"]}, {"use": "multimodal_linear"}
    blend = Blend([one, all_of_them]).fit(checkerboard, parity_views)
    assert [member.names_ for member in blend.members_] == [("text",), ("image", "text")]
    assert blend.add_items(parity_views).score(Query.of([[0]])).shape == (1, 24)
    with pytest.raises(FitError, match=r"views that don.t exist: received \['sound'\]"):
        Blend([{"use": "ease", "views": ["sound"]}]).fit(checkerboard, parity_views)


def test_new_items_need_a_member_that_reads_content(checkerboard) -> None:
    with pytest.raises(FitError, match="no member can take new items"):
        Blend([{"use": "item_knn"}]).fit(checkerboard, {}).add_items({})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"members": []}, "a blend needs members"),
        ({"members": [{"use": "eese"}]}, "received 'eese'; did you mean 'ease'"),
        ({"members": [{"l2": 3}]}, r"recommend\.members\.0\.use is required"),
        ({"members": [{"use": "ease", "l3": 3}]}, "unknown setting: received 'l3'"),
        ({"members": TWO, "weights": [1.0]}, "weights don't fit the members"),
        ({"members": TWO, "weights": [-1.0, 2.0]}, "weights don't fit the members"),
        ({"members": TWO, "weights": [0.0, 0.0]}, "weights don't fit the members"),
    ],
)
def test_a_mistake_is_told_before_any_work(settings: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Blend(**settings)


def test_members_that_say_nothing_of_anyone_are_heard_without_error() -> None:
    one = Interactions.of([0], [3], shape=(2, 5))
    blend = Blend().fit(one, {}, valid=one)
    assert np.isfinite(blend.score(Query.of([[3], [], [1]]))).all()
