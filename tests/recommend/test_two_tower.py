"""Two towers: content stands in where behaviour is missing, each head learns."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="extra torch is not installed")
import torch

from polyrec.recommend.two_tower.network import Towers, tower_loss
from polyrec.recommend.two_tower.two_tower import TwoTower, _Targets
from polyrec.types import Embeddings, Interactions, Query

ITEMS = 60


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
    views = {"fused": Embeddings(rows.astype(np.float32), np.ones(ITEMS, bool))}
    return Interactions.of(*zip(*pairs, strict=True), shape=(80, ITEMS)), views


@pytest.mark.parametrize("head", ["in_batch", "softmax", "sigmoid"])
def test_items_nobody_took_are_ranked_by_their_content(parity: tuple, head: str) -> None:
    train, views = parity
    model = TwoTower(head=head, dim=8, batch=128, epochs=30, rate=1e-2).fit(train, views)
    scores = model.score(train.histories(range(80)))[:, -10:]
    right = np.arange(80)[:, None] % 2 == np.arange(ITEMS - 10, ITEMS) % 2
    assert scores[right].mean() > scores[~right].mean() + scores.std() / 2
    assert all(np.isfinite(model.losses_))


def test_new_items_get_what_the_same_content_got_at_fit(parity: tuple) -> None:
    train, views = parity
    model = TwoTower(dim=8, batch=128, epochs=3).fit(train, views)
    grown = model.add_items({"fused": views["fused"].take([ITEMS - 1, 0])})
    assert np.allclose(
        grown.items_["vectors"][ITEMS], model.items_["vectors"][ITEMS - 1], atol=1e-6
    )
    assert not np.allclose(
        grown.items_["vectors"][ITEMS + 1], model.items_["vectors"][0]
    )  # it has no past
    assert grown.score(Query.of([[0]])).shape == (1, ITEMS + 2)
    assert model.score(Query.of([[0]])).shape == (1, ITEMS)


def test_what_is_asked_is_never_in_the_history_it_is_asked_from() -> None:
    events = Interactions.of([0, 0, 0, 1, 1, 2], [3, 5, 4, 5, 3, 1], shape=(3, 6))
    pairs = _Targets(events.histories(range(3)), 200)
    assert pairs.usable.tolist() == [True] * 5 + [False]
    batch = pairs.batch(np.arange(5))
    bounds = [*batch.offsets.tolist(), len(batch.items)]
    for row, target in enumerate(batch.targets.tolist()):
        part = slice(bounds[row], bounds[row + 1])
        weights = dict(zip(batch.items[part].tolist(), batch.weights[part].tolist(), strict=True))
        assert weights[target] == 0
        assert sum(weights.values()) == len(weights) - 1
    short = _Targets(events.histories(range(3)), 1).batch(np.array([2]))
    assert (short.items.tolist(), short.weights.tolist()) == ([5, 4], [1, 0])


def test_the_correction_takes_popularity_off_the_negatives() -> None:
    torch.manual_seed(0)
    network = Towers(4, [], 8, attend=False)
    here = torch.ones(4, dtype=torch.bool)
    items = network.items(torch.zeros(4, 0), torch.zeros(4, 0, dtype=torch.bool), here)
    vectors, biases = items.vectors, items.biases
    events = Interactions.of([0, 0, 1, 1], [0, 1, 2, 3], shape=(2, 4))
    batch = _Targets(events.histories(range(2)), 9).batch(np.arange(4))
    even, skewed = torch.full((4,), 0.25), torch.tensor([0.97, 0.01, 0.01, 0.01])

    def loss(share: torch.Tensor) -> float:
        made = tower_loss(network, batch, items, head="in_batch", share=share, drawn=None)
        return float(made.detach())

    users = network.users(torch.stack([vectors[1], vectors[0], vectors[3], vectors[2]]))
    plain = network.sharpness() * users @ vectors.T + biases
    wanted = torch.nn.functional.cross_entropy(plain - skewed.log(), torch.arange(4))
    assert loss(skewed) == pytest.approx(float(wanted.detach()), rel=1e-4)
    assert loss(even) != pytest.approx(loss(skewed), rel=1e-3)


def test_the_same_seed_gives_the_same_model(parity: tuple) -> None:
    train, views = parity
    one, two = (TwoTower(dim=8, epochs=2).fit(train, views) for _ in range(2))
    assert np.array_equal(one.items_["vectors"], two.items_["vectors"])
    other = TwoTower(dim=8, epochs=2, seed=8).fit(train, views)
    assert not np.array_equal(one.items_["vectors"], other.items_["vectors"])


def test_users_weigh_the_views_that_an_item_has() -> None:
    generator = np.random.default_rng(0)
    # even users choose by the picture, odd ones by the text
    marks = {name: generator.integers(0, 2, ITEMS) for name in ("image", "text")}
    by = [marks[("image", "text")[user % 2]] == user // 2 % 2 for user in range(160)]
    pairs = [
        (user, item)
        for user in range(160)
        for item in range(ITEMS - 10)
        if by[user][item] and generator.random() < 0.4
    ]
    train = Interactions.of(*zip(*pairs, strict=True), shape=(160, ITEMS))
    here = np.ones(ITEMS, bool)
    views = {
        name: Embeddings(np.eye(2, dtype=np.float32)[mark], here & (name != "text" or mark >= 0))
        for name, mark in marks.items()
    }
    views["image"].present[-3:] = False
    model = TwoTower(dim=8, batch=256, epochs=40, rate=1e-2, attend=True, head="softmax")
    scores = model.fit(train, views).score(train.histories(range(160)))
    for user in range(8):
        right = by[user][-10:-3]
        if right.any() and not right.all():
            told = scores[user, -10:-3]
            assert told[right].mean() > told[~right].mean()
    views["image"].vectors[-3:] = 7.0  # nobody reads what is absent
    again = TwoTower(dim=8, batch=256, epochs=40, rate=1e-2, attend=True, head="softmax")
    assert np.array_equal(again.fit(train, views).score(train.histories(range(160))), scores)
