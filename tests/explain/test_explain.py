"""Explanations add up to scores, and split them by what each source says on its own."""

import numpy as np
import pytest

from polyrec.errors import DataError
from polyrec.explain import explain
from polyrec.recommend.linear.ease import EASE
from polyrec.recommend.linear.multimodal_linear import MultimodalLinear
from polyrec.registry import registered_parts
from polyrec.types import Embeddings, Interactions, Query

ITEMS, COLD = 40, 39


@pytest.fixture
def train() -> Interactions:
    generator = np.random.default_rng(0)
    pairs = np.unique(generator.integers(0, [80, ITEMS], (900, 2)), axis=0)
    pairs = pairs[pairs[:, 1] != COLD]
    weights = generator.choice([1.0, 4.0, -1.0], len(pairs))
    return Interactions.of(pairs[:, 0], pairs[:, 1], shape=(80, ITEMS), weights=weights)


@pytest.fixture
def views() -> dict[str, Embeddings]:
    generator = np.random.default_rng(1)
    one, two = (generator.standard_normal((ITEMS, d)).astype(np.float32) for d in (6, 4))
    return {
        "text": Embeddings(one, np.ones(ITEMS, bool)),
        "image": Embeddings(two, generator.random(ITEMS) > 0.3),
    }


@pytest.mark.parametrize("item", [0, 5, COLD])
def test_parts_of_a_linear_model_add_up_to_the_score(train, views, item: int) -> None:
    model = MultimodalLinear(l2=20).fit(train, views)
    query = train.histories([3])
    told = explain(model, query, item, train)
    assert told.exact
    assert told.score == pytest.approx(float(model.score(query)[0, item]))
    assert sum(told.parts.values()) == pytest.approx(told.score, abs=1e-5)
    assert abs(told.baseline) < 1e-5
    assert {other for other, _ in told.parts} == set(query.items.tolist())


def test_behaviour_says_what_ease_would_say(train, views) -> None:
    model = MultimodalLinear(l2=20).fit(train, views)
    alone = EASE(l2=20).fit(train, {})
    warm = np.arange(ITEMS) != COLD
    for item in (0, 5):
        behaviour = model.weight_contributions(item, train)["behaviour"]
        assert np.allclose(behaviour[warm], alone.weights_[warm, item], atol=1e-6)


def test_a_new_item_is_explained_by_content_alone(train, views) -> None:
    model = MultimodalLinear(l2=20).fit(train, views)
    parts = model.weight_contributions(COLD, train)
    assert np.abs(parts["behaviour"]).max() < 1e-6
    assert np.abs(parts["text"]).max() > 0
    more = {name: view.take([2, 7]) for name, view in views.items()}
    grown = model.add_items(more)
    for item in (0, ITEMS):  # one known, one added
        parts = grown.weight_contributions(item, train)
        assert np.allclose(sum(parts.values()), grown.weights_[:, item], atol=1e-6)
    assert np.abs(grown.weight_contributions(ITEMS, train)["behaviour"]).max() < 1e-6


def test_what_a_view_that_is_absent_holds_explains_nothing(train, views) -> None:
    views["image"].present[COLD] = False
    model = MultimodalLinear(l2=20).fit(train, views)
    cold = model.weight_contributions(COLD, train)
    assert not cold["image"].any()
    assert cold["text"].any()


@pytest.mark.parametrize("name", sorted(registered_parts("recommend")))
def test_every_model_is_explained(name: str, checkerboard, fitted) -> None:
    model = fitted(name)
    query = checkerboard.histories([0])
    told = explain(model, query, 0, checkerboard)
    assert told.score == pytest.approx(float(model.score(query)[0, 0]))
    if told.exact:
        assert told.remainder == pytest.approx(0, abs=1e-4)
    assert {other for other, _ in told.parts} == set(query.items.tolist())
    if not told.exact and len(query.items) > 1:
        first = int(query.items[0])
        rest = Query(query.users, np.array([0, len(query.items) - 1]), query.items[1:],
                     query.weights[1:])  # fmt: skip
        fall = told.score - float(model.score(rest)[0, 0])
        assert told.parts[first, "history"] == pytest.approx(fall, abs=1e-5)


def test_someone_without_history_gets_the_baseline(train, views) -> None:
    model = EASE(l2=20).fit(train, {})
    told = explain(model, Query.of([[]]), 4, train)
    assert told.parts == {}
    assert told.baseline == told.score == float(model.popularity_[4])


def test_questions_that_make_no_sense_are_refused(train) -> None:
    model = EASE(l2=20).fit(train, {})
    with pytest.raises(DataError, match="one question"):
        explain(model, Query.of([[1], [2]]), 0, train)
    with pytest.raises(DataError, match="no such item"):
        explain(model, Query.of([[1]]), ITEMS, train)
