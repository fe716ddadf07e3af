"""Autoencoders: their arithmetic, what content does for new items, and odd data."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("torch", reason="extra torch is not installed")
import torch

from polyrec.artifact import part_state
from polyrec.errors import FitError
from polyrec.recommend.autoencoder.base import HistoryBatch
from polyrec.recommend.autoencoder.multi_dae import MultiDAE
from polyrec.recommend.autoencoder.multi_vae import MultiVAE
from polyrec.recommend.autoencoder.multimodal_dae import MultimodalDAE
from polyrec.types import Embeddings, Interactions, Query

ITEMS = 60
MODELS = (MultiDAE, MultiVAE, MultimodalDAE)


@pytest.fixture(scope="module")
def parity() -> tuple[Interactions, dict[str, Embeddings]]:
    """Return users who took items of one parity; the last ten items nobody took; content tells."""
    generator = np.random.default_rng(0)
    pairs = [
        (user, item)
        for user in range(80)
        for item in range(ITEMS - 10)
        if user % 2 == item % 2 and generator.random() < 0.4
    ]
    rows = np.eye(2)[np.arange(ITEMS) % 2] + 0.1 * generator.normal(size=(ITEMS, 2))
    views = {"text": Embeddings(rows.astype(np.float32), np.ones(ITEMS, bool))}
    return Interactions.of(*zip(*pairs, strict=True), shape=(80, ITEMS)), views


def small(use: type, **settings: object) -> object:
    return use(**{"dim": 8, "epochs": 30, "rate": 1e-2, "weight_decay": 0.5, **settings})


def rows_of(*histories: dict[int, float]) -> HistoryBatch:
    users = [user for user, history in enumerate(histories) for _ in history]
    items = [item for history in histories for item in history]
    weights = [weight for history in histories for weight in history.values()]
    shape = (len(histories), 5)
    matrix = Interactions.of(users, items, weights=weights, shape=shape).matrix()
    return HistoryBatch.of(matrix, "cpu")


def test_the_loss_is_the_multinomial_one() -> None:
    rows = rows_of({0: 1.0, 3: 2.0}, {4: 1.0})
    generator = np.random.default_rng(0)
    shapes = ((2, 3), (5, 3), 5)
    codes, decoder, bias = (generator.normal(size=x).astype(np.float32) for x in shapes)
    logits = codes @ decoder.T + bias
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -(np.log(shares[0, 0]) + 2 * np.log(shares[0, 3]) + np.log(shares[1, 4])) / 2
    found = rows.loss(*(torch.from_numpy(part) for part in (codes, decoder, bias)))
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_what_is_hidden_is_hidden_and_the_rest_raised() -> None:
    rows = rows_of({0: 3.0, 1: 4.0}, {2: 1.0})
    everything = rows.masked(0.0, torch.Generator().manual_seed(0))
    assert everything.tolist() == pytest.approx([0.6, 0.8, 1.0])
    many = torch.stack([rows.masked(0.5, torch.Generator().manual_seed(i)) for i in range(400)])
    assert set(many[:, 2].tolist()) == {0.0, 2.0}
    assert many.mean(dim=0).tolist() == pytest.approx([0.6, 0.8, 1.0], abs=0.15)


@pytest.mark.parametrize("use", MODELS)
def test_scores_are_those_of_the_network(use: type, parity: tuple) -> None:
    train, views = parity
    model = small(use, epochs=2).fit(train, views)
    table = model.tables_
    histories = train.histories([3, 4])
    history = histories.matrix(ITEMS).toarray()
    unit = history / np.linalg.norm(history, axis=1, keepdims=True)
    codes = np.tanh(unit @ table["encoder"])
    expected = codes @ table["decoder"].T + table["bias"]
    assert np.allclose(model.score(histories), expected, atol=1e-5)


@pytest.mark.parametrize("use", MODELS)
def test_same_seed_same_bits_and_another_seed_others(use: type, parity: tuple) -> None:
    train, views = parity
    query = train.histories([0, 1])
    first, second = (small(use, epochs=2).fit(train, views).score(query) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert not np.allclose(first, small(use, epochs=2, seed=8).fit(train, views).score(query))


@pytest.mark.parametrize("use", MODELS)
def test_valid_ends_the_training_and_the_best_is_kept(use: type, parity: tuple) -> None:
    train, views = parity
    valid = Interactions.of(range(0, 80, 2), [2] * 40, shape=train.shape)
    model = small(use, epochs=40).fit(train, views, valid=valid)
    assert 1 <= len(model.curve_) <= 20
    assert small(use, epochs=2).fit(train, views).curve_ == []


def test_items_nobody_took_are_ranked_by_their_content(parity: tuple) -> None:
    train, views = parity
    model = small(MultimodalDAE).fit(train, views)
    scores = model.score(train.histories(range(80)))[:, -10:]
    right = np.arange(80)[:, None] % 2 == np.arange(ITEMS - 10, ITEMS) % 2
    assert scores[right].mean() > scores[~right].mean() + scores.std() / 2


def test_new_items_get_what_the_same_content_got_at_fit(parity: tuple) -> None:
    train, views = parity
    model = small(MultimodalDAE, epochs=3).fit(train, views)
    grown = model.add_items({"text": views["text"].take([ITEMS - 1, ITEMS - 2])})
    again = grown.add_items({"text": views["text"].take([ITEMS - 1])})
    query = train.histories([0, 1])
    assert np.allclose(grown.score(query)[:, ITEMS:], model.score(query)[:, [-1, -2]], atol=1e-5)
    assert np.allclose(again.score(query)[:, -1], model.score(query)[:, -1], atol=1e-5)
    assert model.score(query).shape == (2, ITEMS)  # it stays as it was
    fresh = MultimodalDAE(**part_state.part_settings(grown))
    part_state.load_learned(fresh, *part_state.dump_learned(grown))
    assert np.array_equal(fresh.score(Query.of([[0, ITEMS]])), grown.score(Query.of([[0, ITEMS]])))


def test_a_new_item_in_a_history_says_what_its_neighbours_say(parity: tuple) -> None:
    train, views = parity
    grown = small(MultimodalDAE).fit(train, views).add_items({"text": views["text"].take([50])})
    scores = grown.score(Query.of([[ITEMS]]))[0, :50]
    assert scores[::2].mean() > scores[1::2].mean()


def test_without_content_the_multimodal_one_is_the_plain_one(parity: tuple) -> None:
    pairs = parity[0]
    train = dataclasses.replace(pairs, shape=(80, ITEMS - 10))  # each item was taken
    query = train.histories([0, 1])
    plain = small(MultiDAE, epochs=3).fit(train, {}).score(query)
    assert np.array_equal(small(MultimodalDAE, epochs=3).fit(train, {}).score(query), plain)


def test_an_item_without_behaviour_and_content_comes_last(parity: tuple) -> None:
    train, views = parity
    present = np.arange(ITEMS) != ITEMS - 1
    model = small(MultimodalDAE).fit(train, {"text": Embeddings(views["text"].vectors, present)})
    assert model.tables_["bias"][-1] == model.tables_["bias"].min()
    assert not model.tables_["decoder"][-1].any()


@pytest.mark.parametrize("use", MODELS)
@pytest.mark.parametrize(
    "pairs",
    [[(0, 0)], [(0, 0), (1, 1)], [(2, 0), (2, 1), (2, 3)]],
    ids=["one event", "one event each", "one user"],
)
def test_hardly_any_behaviour_is_no_error(use: type, pairs: list, parity: tuple) -> None:
    _, views = parity
    train = Interactions.of(*zip(*pairs, strict=True), shape=(4, ITEMS))
    model = small(use, epochs=2).fit(train, views)
    assert np.isfinite(model.score(train.histories(range(4)))).all()


@pytest.mark.parametrize("use", MODELS)
def test_no_behaviour_at_all_is_no_error(use: type, parity: tuple) -> None:
    _, views = parity
    nobody = Interactions.of([], [], shape=(4, ITEMS))
    assert np.isfinite(small(use, epochs=2).fit(nobody, views).score(Query.of([[0], []]))).all()


@pytest.mark.parametrize("use", MODELS)
def test_dislikes_are_not_learned_as_likes(use: type, parity: tuple) -> None:
    train, views = parity
    weights = np.where(train.items < 10, -1.0, 3.0)
    disliked = dataclasses.replace(train, weights=weights.astype(np.float32))
    scores = small(use).fit(disliked, views).score(disliked.histories(range(80)))
    assert np.isfinite(scores).all()
    assert scores[:, :10].mean() < scores[:, 10:50].mean()
    only = Interactions.of([0, 0], [1, 2], weights=[-1, -2], shape=(1, ITEMS))
    assert np.isfinite(small(use, epochs=2).fit(only, views).score(only.histories([0]))).all()


@pytest.mark.parametrize("weights", [{"sound": 1.0}, {"text": -1.0}])
def test_weights_that_fit_no_view_are_refused(weights: dict, parity: tuple) -> None:
    with pytest.raises(FitError, match="weights don't fit the views"):
        MultimodalDAE(weights=weights).fit(*parity)


def test_new_items_without_a_view_that_is_read_are_refused(parity: tuple) -> None:
    model = small(MultimodalDAE, epochs=1).fit(*parity)
    with pytest.raises(FitError, match="a view is missing"):
        model.add_items({})
