"""Graph recommenders: layers and losses by hand, histories that count at once, new items placed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="extra torch is not installed")
from scipy import sparse  # noqa: E402

from polyrec.errors import FitError  # noqa: E402
from polyrec.evaluate.protocols import evaluate_top_k  # noqa: E402
from polyrec.recommend.graph.base import GraphRecommender, _Training  # noqa: E402
from polyrec.recommend.graph.freedom import Freedom, _pruned  # noqa: E402
from polyrec.recommend.graph.lightgcn import LightGCN  # noqa: E402
from polyrec.recommend.graph.losses import (  # noqa: E402
    Graph,
    GraphNetwork,
    TrainingStep,
    bpr_loss,
    contrastive_loss,
    light_layers,
    softmax_loss,
)
from polyrec.recommend.graph.mgcn import MGCN  # noqa: E402
from polyrec.training.propagation import Propagation, normalize_symmetric  # noqa: E402
from polyrec.training.run_context import RunContext, use_run  # noqa: E402
from polyrec.types import Embeddings, Interactions, Query  # noqa: E402

ITEMS, NEW = 40, 8
SMALL = {"dim": 16, "epochs": 30, "batch": 64}
MODELS = [LightGCN, Freedom, MGCN]
CONTENT = [Freedom, MGCN]


@pytest.fixture(scope="module")
def parity() -> tuple[Interactions, dict[str, Embeddings]]:
    """Return users who took items of one parity; the last eight nobody took; content tells."""
    generator = np.random.default_rng(0)
    pairs = [
        (user, item)
        for user in range(60)
        for item in range(ITEMS - NEW)
        if user % 2 == item % 2 and generator.random() < 0.5
    ]
    rows = np.eye(2)[np.arange(ITEMS) % 2] + 0.1 * generator.normal(size=(ITEMS, 2))
    noise = generator.normal(size=(ITEMS, 4))
    views = {
        "text": Embeddings(rows.astype(np.float32), np.ones(ITEMS, bool)),
        "audio": Embeddings(noise.astype(np.float32), np.arange(ITEMS) % 3 > 0),
    }
    return Interactions.of(*zip(*pairs, strict=True), shape=(60, ITEMS)), views


def in_order(higher: np.ndarray, lower: np.ndarray) -> float:
    """Return the share of pairs in which the first is higher."""
    return float((higher[:, None] > lower).mean())


@pytest.mark.parametrize("layers", [0, 1, 2, 3])
def test_layers_are_powers_of_the_square_adjacency(layers: int) -> None:
    generator = np.random.default_rng(layers)
    weights = sparse.csr_array(generator.integers(0, 3, (6, 5)).astype(np.float32))
    matrix = normalize_symmetric(weights)
    users, items = (torch.from_numpy(generator.normal(size=(c, 3))) for c in (6, 5))
    square = np.block(
        [[np.zeros((6, 6)), matrix.toarray()], [matrix.T.toarray(), np.zeros((5, 5))]]
    )
    layer = np.concatenate([users, items])
    total = layer.copy()
    for _ in range(layers):
        layer = square @ layer
        total += layer
    mean = total / (layers + 1)
    tables = light_layers(Propagation.of(matrix, "cpu"), users.float(), items.float(), layers)
    whole = tables.own + torch.from_numpy(matrix.toarray()) @ tables.reach
    assert np.allclose(whole, mean[:6], atol=1e-5)
    assert np.allclose(tables.items, mean[6:], atol=1e-5)


def test_losses_are_those_by_hand() -> None:
    generator = torch.Generator().manual_seed(1)
    users, items = (torch.randn(c, 4, generator=generator) for c in (3, 6))
    dense = np.zeros((3, 6), np.float32)
    dense[0, [1, 4]], dense[1, 2], dense[2, [0, 5]] = [1, 2], 1, [3, 1]
    targets = sparse.csr_array(dense)
    columns = targets.indices.astype(np.int64)
    unit = torch.nn.functional.normalize
    logs = (unit(users) @ unit(items).T / 0.3).log_softmax(dim=1)
    expected = -(torch.from_numpy(dense) * logs).sum() / dense.sum()
    assert float(softmax_loss(users, items, targets, columns, 0.3)) == pytest.approx(
        float(expected)
    )
    negatives = np.array([0, 3, 5, 1, 2])
    total = 0.0
    for user, item, other in zip([0, 0, 1, 2, 2], columns, negatives, strict=True):
        margin = users[user] @ (items[item] - items[other])
        total -= dense[user, item] * float(margin.sigmoid().log())
    assert float(bpr_loss(users, items, targets, negatives)) == pytest.approx(
        total / dense.sum(), rel=1e-5
    )
    same = contrastive_loss(users, 5 * users, 0.01)
    assert float(same) == pytest.approx(0, abs=1e-3)
    assert float(contrastive_loss(users, -users, 0.2)) > float(contrastive_loss(users, users, 0.2))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("loss", ["softmax", "bpr"])
def test_a_trained_user_has_the_vector_of_the_network(
    parity: tuple, model: type[GraphRecommender], loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, views = parity
    seen = []
    settle = model._keep
    monkeypatch.setattr(model, "_keep", lambda s, c, t: (seen.append(t), settle(s, c, t))[1])
    fitted = model(**SMALL | {"epochs": 2}, loss=loss).fit(train, views)
    own, reach, items = (part.numpy() for part in seen[-1][:3])
    vectors = own + normalize_symmetric(train.positives()) @ reach
    if loss == "softmax":
        vectors, items = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (vectors, items))
    warm = slice(0, ITEMS - NEW)
    scores = fitted.score(train.histories(range(60)))
    assert np.allclose(scores[:, warm], (vectors @ items.T)[:, warm], atol=1e-4)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("loss", ["softmax", "bpr"])
def test_an_event_counts_at_once_and_strangers_are_served(
    parity: tuple, model: type[GraphRecommender], loss: str
) -> None:
    train, views = parity
    fitted = model(**SMALL, loss=loss).fit(train, {"text": views["text"]})
    scores = fitted.score(Query.of([[0, 2], [1, 3], [0, 1, 3, 5, 7]]))[:, : ITEMS - NEW]
    even = np.arange(ITEMS - NEW) % 2 == 0
    assert in_order(scores[0, even], scores[0, ~even]) > 0.85
    assert in_order(scores[1, ~even], scores[1, even]) > 0.85
    assert scores[2, ~even].mean() > scores[2, even].mean()  # the late events turn it
    known = replace(Query.of([[0, 2]]), users=np.array([0]))
    stranger = replace(known, users=np.array([10_000]))  # came after the fit
    assert not np.array_equal(fitted.score(known), fitted.score(stranger))
    assert np.array_equal(fitted.score(stranger), fitted.score(Query.of([[0, 2]])))


@pytest.mark.parametrize("model", CONTENT)
@pytest.mark.parametrize("loss", ["softmax", "bpr"])
def test_items_nobody_took_are_ranked_by_their_content(
    parity: tuple, model: type[GraphRecommender], loss: str
) -> None:
    train, views = parity
    fitted = model(**SMALL, neighbours=5, weights={"text": 1.0}, loss=loss).fit(train, views)
    scores = fitted.score(train.histories(range(60)))[:, -NEW:]
    right = np.arange(60)[:, None] % 2 == np.arange(ITEMS - NEW, ITEMS) % 2
    assert in_order(scores[right], scores[~right]) > 0.95
    grown = fitted.add_items({name: view.take([ITEMS - 1, 0]) for name, view in views.items()})
    assert np.allclose(grown.items_[ITEMS], fitted.items_[ITEMS - 1], atol=1e-6)
    assert np.allclose(grown.reach_[ITEMS], fitted.reach_[ITEMS - 1], atol=1e-6)
    assert not np.allclose(grown.items_[ITEMS + 1], fitted.items_[0])  # it has no past
    assert grown.score(Query.of([[ITEMS]])).shape == (1, ITEMS + 2)
    assert fitted.score(Query.of([[0]])).shape == (1, ITEMS)
    bare = grown.add_items({"text": Embeddings(np.zeros((1, 2), np.float32), np.zeros(1, bool))})
    assert bare.recommend(Query.of([[0]]), 99).items[0, ITEMS + 1] == ITEMS + 2  # last of all


def test_without_content_items_nobody_took_come_last(parity: tuple) -> None:
    train, _ = parity
    ranking = LightGCN(**SMALL).fit(train, {}).recommend(Query.of([[0, 2]]), ITEMS)
    assert ranking.items[0, ITEMS - NEW - 2 : ITEMS - 2].tolist() == list(range(ITEMS - NEW, ITEMS))


def test_valid_stops_and_the_best_is_kept(parity: tuple) -> None:
    train, views = parity
    rows = np.arange(len(train)) % 5 == 0
    taught, valid = train.take(~rows), train.take(rows)
    model = MGCN(**SMALL | {"epochs": 60}).fit(taught, views, valid=valid)
    assert 10 < len(model.curve_) < 60
    reached = evaluate_top_k(model, taught, valid, ["recall@20"]).means["recall@20"]
    assert reached == pytest.approx(max(model.curve_))
    assert LightGCN(**SMALL).fit(taught, views).curve_ == []


@pytest.mark.parametrize("model", MODELS)
def test_the_same_seed_gives_the_same_bits_even_after_a_kill(
    parity: tuple, model: type[GraphRecommender], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, views = parity
    made = model(**SMALL | {"epochs": 5, "batch": 16, "loss": "bpr"})
    whole = made.fit(train, views).items_
    assert np.array_equal(replace(made).fit(train, views).items_, whole)
    assert not np.array_equal(replace(made, seed=8).fit(train, views).items_, whole)
    loss, steps = _Training.loss, iter(range(100))

    def dying(training: _Training, step: TrainingStep) -> object:
        if next(steps) == 10:
            raise KeyboardInterrupt
        return loss(training, step)

    monkeypatch.setattr(_Training, "loss", dying)
    with use_run(RunContext(folder=tmp_path, checkpoint_steps=3)), pytest.raises(KeyboardInterrupt):
        replace(made).fit(train, views)
    monkeypatch.setattr(_Training, "loss", loss)
    with use_run(RunContext(folder=tmp_path, checkpoint_steps=3)):
        assert np.array_equal(replace(made).fit(train, views).items_, whole)


def test_negatives_are_items_that_the_user_did_not_take(parity: tuple) -> None:
    train, _ = parity
    matrix = train.positives()
    model = LightGCN(loss="bpr", batch=7)
    known = np.arange(ITEMS - NEW)
    training = _Training(
        model, GraphNetwork(matrix.shape, 2), Graph.of(matrix, "cpu"), matrix, known
    )
    steps = list(training.steps(np.random.default_rng(0)))
    assert sorted(np.concatenate([step.users for step in steps]).tolist()) == list(range(60))
    for step in steps:
        owners = np.repeat(step.users, np.diff(step.targets.indptr))
        assert not matrix.toarray()[owners, step.negatives].any()
        assert step.negatives.max() < ITEMS - NEW


def test_pruning_takes_edges_of_the_popular_and_busy_first() -> None:
    dense = np.ones((6, 8), np.float32)
    dense[3:, 2:] = 0  # users 3 to 5 took two items, which everyone took
    weights = sparse.csr_array(dense)
    matrix, order = normalize_symmetric(weights), np.random.default_rng(0)
    kept = np.zeros((6, 8))
    for _ in range(400):
        left = _pruned(weights, matrix, 0.5, order)
        assert left.nnz == 15
        kept += left.toarray()
    busy_popular, busy_rare = kept[:3, :2].mean(), kept[:3, 2:].mean()
    assert busy_popular < kept[3:, :2].mean()
    assert busy_popular < busy_rare
    assert weights.nnz == 30


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("loss", ["softmax", "bpr"])
def test_what_is_odd_is_answered_with_numbers(model: type[GraphRecommender], loss: str) -> None:
    made = model(**SMALL | {"epochs": 3}, loss=loss)
    view = Embeddings(np.eye(3, dtype=np.float32), np.array([True, True, False]))
    nobody = Embeddings(np.zeros((3, 2), np.float32), np.zeros(3, bool))
    flat = Embeddings(np.ones((3, 2), np.float32), np.ones(3, bool))
    views = {"text": view, "audio": nobody, "image": flat}
    single = Interactions.of([0], [0], shape=(1, 3))
    everything = Interactions.of([0, 0, 0], [0, 1, 2], shape=(1, 3))
    disliked = Interactions.of([0, 0, 1], [0, 1, 1], weights=[1, -1, -2], shape=(2, 3))
    nothing = Interactions.of([], [], shape=(2, 3))
    for events in (single, everything, disliked, nothing):
        made.fit(events, views)
        query = events.histories(range(events.shape[0]))
        assert np.isfinite(made.score(query)).all()
        assert np.isfinite(made.score(Query.of([[], [1], [0, 2]]))).all()
        assert made.recommend(Query.of([[]]), 3).items[0].tolist() == [0, 1, 2]


@pytest.mark.parametrize("model", MODELS)
def test_heavier_events_pull_harder_and_a_common_factor_changes_nothing(
    parity: tuple, model: type[GraphRecommender]
) -> None:
    train, views = parity
    fitted = model(**SMALL).fit(train, views)
    light, heavy = (
        fitted.score(replace(Query.of([[0, 1]]), weights=np.array(w, np.float32)))[0]
        for w in ([1, 1], [1, 9])
    )
    odd = np.arange(ITEMS - NEW) % 2 == 1
    gain = (heavy - light)[: ITEMS - NEW]
    assert gain[odd].mean() > gain[~odd].mean()
    fours = replace(train, weights=4 * train.weights)
    again = model(**SMALL).fit(fours, views)
    query = train.histories(range(60))
    fours_query = replace(query, weights=4 * query.weights)
    assert np.allclose(again.score(fours_query), fitted.score(query), atol=0.05)


@pytest.mark.parametrize("model", CONTENT)
def test_what_does_not_fit_is_refused(parity: tuple, model: type[GraphRecommender]) -> None:
    train, views = parity
    for weights in ({"sound": 1.0}, {"text": -1.0}):
        with pytest.raises(FitError, match="weights don't fit the views"):
            model(weights=weights).fit(train, views)
    fitted = model(**SMALL | {"epochs": 1}).fit(train, views)
    wide = Embeddings(np.zeros((1, 5), np.float32), np.ones(1, bool))
    with pytest.raises(FitError, match="another width than at fit"):
        fitted.add_items({"text": wide})
