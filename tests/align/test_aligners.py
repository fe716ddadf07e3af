"""What each aligner is for, on worlds with a known answer."""

import numpy as np
import pytest

from polyrec.align.behaviour import BehaviourGuided
from polyrec.align.cosine import CosineWeighted
from polyrec.align.infonce import InfoNCE
from polyrec.align.linear import LinearMap
from polyrec.align.procrustes import Procrustes
from polyrec.align.sinkhorn import SinkhornOT, sinkhorn_plan
from polyrec.align.uniform import AlignUniform
from polyrec.align.whiten import Whiten
from polyrec.errors import FitError
from polyrec.types import Embeddings, Interactions

ITEMS = 400


def world(noise: float = 0.3, seed: int = 0, **present: np.ndarray) -> dict[str, Embeddings]:
    """Return two views, 20 and 12 wide, of 6 skewed factors, with noise of their own."""
    generator = np.random.default_rng(seed)
    shared = generator.gamma(1.0, size=(ITEMS, 6)) * [3, 2.5, 2, 1.5, 1.2, 1]
    result = {}
    for name, width in (("image", 12), ("text", 20)):
        rows = shared @ generator.normal(size=(6, width)) + noise * generator.normal(
            size=(ITEMS, width)
        )
        mask = present.get(name, np.ones(ITEMS, bool))
        result[name] = Embeddings(np.where(mask[:, None], rows, 0).astype(np.float32), mask)
    return result


def found_at_once(views: dict, rows: slice = slice(None)) -> float:
    """Return the share of texts whose own picture is the nearest (cosine)."""
    left, second = (_unit(views[name].vectors[rows]) for name in ("text", "image"))
    return float((np.argmax(left @ second.T, axis=1) == np.arange(len(left))).mean())


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


@pytest.mark.parametrize(
    "part",
    [
        LinearMap(width=6), Procrustes(width=6), CosineWeighted(width=6),
        InfoNCE(width=6, epochs=20, batch=64), AlignUniform(width=6, epochs=20, batch=64),
        SinkhornOT(width=6),
    ],
    ids=lambda part: type(part).__name__,
)  # fmt: skip
def test_texts_find_pictures_of_items_that_were_not_there_at_fit(part) -> None:
    views = world()
    known = {name: view.take(np.arange(300)) for name, view in views.items()}
    aligned = part.fit(known, None).align(views)
    assert aligned["text"].space == aligned["image"].space != ""
    assert aligned["text"].width == aligned["image"].width == 6
    assert found_at_once(aligned, slice(300, None)) > 0.5
    order = np.random.default_rng(1).permutation(300)
    shuffled = {"text": known["text"], "image": known["image"].take(order)}
    knocked = part.fit(shuffled, None).align(views)
    assert found_at_once(knocked, slice(300, None)) < 0.1


def test_training_beats_the_closed_form_it_begins_with() -> None:
    views = world(noise=1.0)
    known = {name: view.take(np.arange(300)) for name, view in views.items()}
    start = InfoNCE(width=6, epochs=1, rate=0.0).fit(known, None)
    trained = InfoNCE(width=6, epochs=60, batch=64).fit(known, None)
    assert min(trained.losses_) < start.losses_[0]
    assert trained.fit(known, None).losses_ == trained.losses_


def test_few_pairs_and_many_alone_are_enough_for_transport() -> None:
    """So few pairs leave much to luck, and to how a processor rounds: the mean of five worlds."""
    by_pairs, transported = [], []
    for seed in range(5):
        generator = np.random.default_rng(seed)
        pairs = np.arange(ITEMS) % 100 == 7  # 4 pairs for 6 dimensions
        first = generator.random(ITEMS) < 0.5
        views = world(noise=0.1, seed=seed, text=pairs | first, image=pairs | ~first)
        full = world(noise=0.1, seed=seed)
        by_pairs.append(found_at_once(Procrustes(width=6).fit(views, None).align(full)))
        transported.append(found_at_once(SinkhornOT(width=6).fit(views, None).align(full)))
    assert np.mean(transported) > np.mean(by_pairs) + 0.05


def test_without_any_pair_transport_still_finds_its_way_where_shapes_are_alike() -> None:
    half = np.arange(ITEMS) < ITEMS // 2
    views = world(noise=0.02, text=half, image=~half)
    aligned = SinkhornOT(width=6, rounds=20).fit(views, None).align(world(noise=0.02))
    assert found_at_once(aligned) > 5 / ITEMS  # chance is 1 / 400
    nothing = Procrustes(width=6).fit(views, None).align(views)
    assert not nothing["text"].vectors.any() or not nothing["image"].vectors.any()


def test_a_plan_has_even_margins_and_follows_the_cost() -> None:
    cost = np.random.default_rng(0).random((5, 7))
    plan = sinkhorn_plan(cost, 0.05, 200)
    assert np.allclose(plan.sum(axis=1), 1 / 5, atol=1e-6)
    assert np.allclose(plan.sum(axis=0), 1 / 7, atol=1e-6)
    own = sinkhorn_plan(1 - np.eye(4), 0.02, 100)
    assert np.allclose(own, np.eye(4) / 4, atol=1e-6)


def test_rotations_keep_distances() -> None:
    views = world()
    part = Procrustes(width=6, anchor="text").fit(views, None)
    white = Whiten(width=6).fit(views, None).align(views)["image"].vectors
    rotated = part.align(views)["image"].vectors
    assert np.allclose(white @ white.T, rotated @ rotated.T, atol=1e-2)


def test_agreement_with_the_anchor_is_the_length() -> None:
    views = world(noise=0.1)
    views["image"].vectors[:50] = views["image"].vectors[
        np.roll(np.arange(50), 7)
    ]  # wrong pictures
    mask = np.ones(ITEMS, bool)
    mask[-5:] = False
    inputs = {**views, "text": Embeddings(np.where(mask[:, None], views["text"].vectors, 0), mask)}
    part = CosineWeighted(width=6, anchor="text").fit(inputs, None)
    aligned = part.align(inputs)
    lengths = np.linalg.norm(aligned["image"].vectors, axis=1)
    assert lengths[:50].mean() < 0.6 < 0.9 < lengths[50:-5].mean()
    assert np.allclose(lengths[-5:], part.mean_weights_["image"], atol=1e-5)
    assert np.allclose(np.linalg.norm(aligned["text"].vectors[:-5], axis=1), 1, atol=1e-5)


def test_content_is_brought_to_where_behaviour_puts_the_items() -> None:
    generator = np.random.default_rng(0)
    group = np.arange(120) % 3
    pairs = [
        (u, i)
        for u in range(90)
        for i in range(90)
        if u % 3 == group[i] and generator.random() < 0.5
    ]
    train = Interactions.of(*zip(*pairs, strict=True), shape=(90, 120))
    marks = np.eye(3)[group]
    # the groups are a small part of what the pictures show
    rows = np.hstack([0.3 * marks, generator.normal(size=(120, 10))]).astype(np.float32)
    views = {"image": Embeddings(rows, np.ones(120, bool))}
    output = _unit(
        BehaviourGuided(width=8, pull=0.05).fit(views, train).align(views)["image"].vectors
    )
    same = group[90:, None] == group[None, :90]  # items that nobody took against those taken
    before = _unit(rows - rows.mean(axis=0))
    gap = [np.where(same, x[90:] @ x[:90].T, np.nan) for x in (output, before)]
    other = [np.where(~same, x[90:] @ x[:90].T, np.nan) for x in (output, before)]
    after, plain = (np.nanmean(g) - np.nanmean(o) for g, o in zip(gap, other, strict=True))
    assert after > 3 * plain > 0
    none_present = Interactions.of([], [], shape=(1, 120))
    assert not BehaviourGuided(width=8).fit(views, none_present).align(views)["image"].vectors.any()


def test_views_of_one_space_share_the_map_of_whitening() -> None:
    generator = np.random.default_rng(0)
    shared = generator.normal(size=(200, 5)).astype(np.float32) * np.float32([5, 3, 1, 1, 0.5])
    mask = np.ones(200, bool)
    views = {
        "image": Embeddings(shared + 2, mask, space="clip"),
        "text": Embeddings(
            shared + 0.3 * generator.normal(size=(200, 5)).astype(np.float32), mask, space="clip"
        ),
        "sound": Embeddings(shared, mask),
    }
    part = Whiten(width=4).fit(views, None)
    assert np.array_equal(part.maps_["image"], part.maps_["text"])
    assert not np.array_equal(part.maps_["image"], part.maps_["sound"])
    aligned = part.align(views)
    assert aligned["image"].space == aligned["text"].space == "clip"
    assert found_at_once(aligned) > 0.6  # the gap between the means is gone, too


def test_an_anchor_that_is_not_there_is_said() -> None:
    with pytest.raises(FitError, match="no such view: received 'texts'; did you mean 'text'"):
        LinearMap(anchor="texts").fit(world(), None)
