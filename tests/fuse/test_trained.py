"""Trained fusers: they find what behaviour says, and stand missing modalities."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="extra torch is not installed")
import torch

from polyrec.fuse.product_of_experts import ProductOfExperts
from polyrec.fuse.trained import modality_dropout
from polyrec.registry import find_class
from polyrec.types import Embeddings, Interactions

ITEMS = 160
NAMES = [
    "learned_mean", "attention", "gate", "bilinear", "bottleneck", "product_of_experts",
    "mixture_of_experts",
]  # fmt: skip


@pytest.fixture(scope="module")
def halves() -> tuple[Interactions, dict[str, Embeddings], np.ndarray]:
    """Return users of four groups; text tells half of an item's group, the picture the other half,
    beside much that says nothing; the last 40 items nobody took, 30% of the pictures are missing.
    """
    generator = np.random.default_rng(0)
    group = generator.integers(0, 4, ITEMS)
    pairs = [
        (user, item)
        for user in range(120)
        for item in range(ITEMS - 40)
        if user % 4 == group[item] and generator.random() < 0.5
    ]
    noise = generator.normal(size=(2, ITEMS, 6))
    text = np.hstack([2 * np.eye(2)[group // 2], noise[0]]).astype(np.float32)
    image = np.hstack([2 * np.eye(2)[group % 2], noise[1]]).astype(np.float32)
    mask = generator.random(ITEMS) > 0.3
    views = {
        "text": Embeddings(text, np.ones(ITEMS, bool)),
        "image": Embeddings(np.where(mask[:, None], image, 0), mask),
    }
    return Interactions.of(*zip(*pairs, strict=True), shape=(120, ITEMS)), views, group


def separation(rows: np.ndarray, group: np.ndarray, subset: np.ndarray) -> float:
    scores = rows[-40:][subset] @ rows[:-40].T
    same = group[-40:][subset][:, None] == group[:-40]
    return float(scores[same].mean() - scores[~same].mean())


@pytest.mark.parametrize("name", NAMES)
def test_it_joins_what_each_modality_tells_of_items_nobody_took(halves: tuple, name: str) -> None:
    train, views, group = halves
    part = find_class("fuse", name)(dim=16, batch=32, rate=5e-3).fit(views, train)
    fused = part.fuse(views).vectors
    full = views["image"].present[-40:]
    concat = find_class("fuse", "concat")().fit(views, train).fuse(views).vectors
    assert separation(fused, group, full) > 1.5 * separation(concat, group, full)
    assert separation(fused, group, ~full) > separation(concat, group, ~full)
    assert min(part.losses_) < part.losses_[0]


@pytest.mark.parametrize("name", NAMES)
def test_all_present_is_what_no_mask_would_give(halves: tuple, name: str) -> None:
    train, views, _ = halves
    part = find_class("fuse", name)(dim=8, epochs=2).fit(views, train)
    few = {n: v.take(np.flatnonzero(views["image"].present)[:5]) for n, v in views.items()}
    alone = [part.fuse({n: v.take([i]) for n, v in few.items()}).vectors[0] for i in range(5)]
    assert np.allclose(part.fuse(few).vectors, alone, atol=1e-5)


def test_hiding_leaves_every_item_something_it_had() -> None:
    generator = torch.Generator().manual_seed(0)
    present = torch.rand(500, 4, generator=generator) < 0.5
    hidden = modality_dropout(present, 0.9, generator)
    assert not (hidden & ~present).any()
    assert torch.equal(hidden.any(dim=1), present.any(dim=1))
    assert hidden.sum() < present.sum()
    assert torch.equal(modality_dropout(present, 0.0, generator), present)


def test_the_product_of_experts_is_surer_of_what_it_has_seen_more_of(halves: tuple) -> None:
    train, views, _ = halves
    part = ProductOfExperts(dim=8, epochs=5).fit(views, train)
    left = part.uncertainty(views)
    mask = views["image"].present
    assert left[mask].mean() < left[~mask].mean() <= 1
    nothing = {n: Embeddings(v.vectors, v.present & False) for n, v in views.items()}
    assert np.allclose(part.uncertainty(nothing), 1)
