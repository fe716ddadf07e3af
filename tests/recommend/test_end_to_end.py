"""Encoders, aligner, fuser and towers as one network: it learns, and is what the parts make."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="extra torch is not installed")
import torch

from polyrec.encode.text.text_lstm import TextLSTM
from polyrec.errors import FitError
from polyrec.recommend.two_tower import end_to_end
from polyrec.recommend.two_tower.end_to_end_inputs import EndToEndInputs
from polyrec.recommend.two_tower.two_tower import TwoTower
from polyrec.registry import find_class
from polyrec.types import FUSED, Embeddings, Interactions

ITEMS, NEW = 60, 10
SETTINGS = {
    "concat": ("none", {}, "concat", {}),
    "mean": ("cca", {"width": 4}, "mean", {}),
    "cosine": ("cosine", {"width": 4}, "mean", {"lengths": "given"}),
    "attention": ("none", {}, "attention", {"dim": 8, "epochs": 2}),
    "whitened": ("whiten", {"width": 4}, "learned_mean", {"dim": 8, "epochs": 2}),
    "heads": ("infonce", {"width": 4, "epochs": 2}, "bottleneck", {"dim": 8, "epochs": 2}),
}


@pytest.fixture(scope="module")
def parity() -> Interactions:
    """Return users who took items of one parity; the last ten items nobody took."""
    generator = np.random.default_rng(0)
    pairs = [
        (user, item)
        for user in range(60)
        for item in range(ITEMS - NEW)
        if user % 2 == item % 2 and generator.random() < 0.4
    ]
    return Interactions.of(*zip(*pairs, strict=True), shape=(60, ITEMS))


def texts(name: str) -> list[str | None]:
    generator = np.random.default_rng(len(name))
    fillers = [f"{name}{i}" for i in range(8)]
    words = [" ".join([*generator.permutation(fillers)[:3], ("odd", "even")[i % 2]])
             for i in range(ITEMS)]  # fmt: skip
    return [None if name == "plot" and i % 7 == 3 else word for i, word in enumerate(words)]


def made(parity: Interactions, case: str, *, epochs: int = 0) -> tuple[EndToEndInputs, dict, dict]:
    """Return the inputs, the aligned and fused views, and the contents."""
    contents = {name: texts(name) for name in ("title", "plot")}
    settings = {"dim": 6, "word_dim": 8, "batch": 16, "epochs": max(1, epochs)}
    encoders: dict[str, Any] = {
        name: TextLSTM(**settings, rate=1e-2 if epochs else 0.0).fit(content, parity)
        for name, content in contents.items()
    }
    prepared = {
        name: [None if c is None else encoders[name].prepare(c, None) for c in content]
        for name, content in contents.items()
    }
    views = {name: encoders[name].encode(content) for name, content in contents.items()}
    rows = np.random.default_rng(9).standard_normal((ITEMS, 6)).astype(np.float32)
    views["given"] = Embeddings(rows, np.arange(ITEMS) % 5 > 0)
    use, settings, fuse, others = SETTINGS[case]
    aligner = find_class("align", use)(**settings).fit(views, parity)
    aligned = dict(aligner.align(views))
    fuser = find_class("fuse", fuse)(**others).fit(aligned, parity)
    aligned[FUSED] = fuser.fuse(aligned)
    return EndToEndInputs(encoders, prepared, views, aligner, fuser), aligned, contents


def again(inputs: EndToEndInputs, contents: dict) -> dict[str, Embeddings]:
    views = {name: inputs.encoders[name].encode(content) for name, content in contents.items()}
    aligned = dict(inputs.aligner.align({**views, "given": inputs.views["given"]}))
    return {**aligned, FUSED: inputs.fuser.fuse(aligned)}


@pytest.mark.parametrize("case", SETTINGS)
def test_the_network_makes_what_the_parts_make_before_and_after(
    parity: Interactions, case: str
) -> None:
    inputs, aligned, contents = made(parity, case)
    network = end_to_end.EndToEndNetwork(inputs, [FUSED], torch.Generator())
    assert np.allclose(network.table.numpy(), aligned[FUSED].vectors, atol=1e-5)
    beside = end_to_end.EndToEndNetwork(inputs, ["given", "plot", "title"], torch.Generator())
    wanted = np.concatenate([aligned[n].vectors for n in ("given", "plot", "title")], axis=1)
    assert np.allclose(beside.table.numpy(), wanted, atol=1e-5)
    model = TwoTower(dim=8, batch=64, epochs=2, end_to_end=True).fit(parity, aligned)
    prints = [encoder.fingerprint_ for encoder in inputs.encoders.values()]
    model.fit_end_to_end(parity, aligned, inputs)
    assert [encoder.fingerprint_ for encoder in inputs.encoders.values()] != prints
    later = again(inputs, contents)
    assert not np.allclose(later[FUSED].vectors, aligned[FUSED].vectors, atol=1e-3)
    fresh = end_to_end.EndToEndNetwork(inputs, [FUSED], torch.Generator())
    assert np.allclose(fresh.table.numpy(), later[FUSED].vectors, atol=1e-5)
    # the last measured loss is of exactly these items
    model.refresh_item_vectors(later)
    assert np.isfinite(model.score(parity.histories(range(60)))).all()


@pytest.mark.parametrize("head", ["sigmoid", "softmax", "in_batch"])
def test_encoders_that_knew_nothing_learn_what_the_head_needs(
    parity: Interactions, head: str
) -> None:
    inputs, aligned, contents = made(parity, "concat")
    settings = {"dim": 8, "batch": 64, "epochs": 15, "rate": 1e-2, "hide": 0.6}
    model = TwoTower(head=head, **settings).fit(parity, aligned)
    right = np.arange(60)[:, None] % 2 == np.arange(ITEMS - NEW, ITEMS) % 2
    model.fit_end_to_end(parity, aligned, inputs)
    scores = model.refresh_item_vectors(again(inputs, contents)).score(parity.histories(range(60)))[
        :, -NEW:
    ]
    assert scores[right].mean() > scores[~right].mean() + scores.std()
    new = inputs.encoders["title"].encode(["odd", "even", "odd", "even"]).vectors
    assert new[0] @ new[2] > new[0] @ new[1] + 0.5


def test_items_beyond_a_step_wait_their_turn(
    parity: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(end_to_end, "_FRESH", 8)
    inputs, aligned, contents = made(parity, "concat")
    network = end_to_end.EndToEndNetwork(inputs, [FUSED], torch.Generator().manual_seed(0)).train()
    content = network.content(torch.arange(ITEMS), learning=True)
    moved = (content - torch.from_numpy(aligned[FUSED].vectors)).abs().amax(dim=1) > 1e-4
    assert 0 < int(moved.sum()) <= 8
    assert content.requires_grad
    network.eval()
    whole = network.content(torch.arange(3), learning=False)
    assert np.allclose(whole.numpy(), again(inputs, contents)[FUSED].vectors, atol=1e-5)


def test_the_same_seed_gives_the_same_weights(parity: Interactions) -> None:
    prints = []
    for _ in range(2):
        inputs, aligned, _ = made(parity, "attention")
        model = TwoTower(dim=8, batch=64, epochs=2).fit(parity, aligned)
        model.fit_end_to_end(parity, aligned, inputs)
        prints.append([e.fingerprint_ for e in inputs.encoders.values()])
    assert prints[0] == prints[1]


def test_what_is_absent_changes_no_bit(parity: Interactions) -> None:
    found = []
    for junk in (0.0, np.nan):
        inputs = made(parity, "concat")[0]
        rows = inputs.views["given"].vectors.copy()
        rows[~inputs.views["given"].present] = junk
        views = {**inputs.views, "given": Embeddings(rows, inputs.views["given"].present)}
        inputs = EndToEndInputs(
            inputs.encoders, inputs.prepared, views, inputs.aligner, inputs.fuser
        )
        found.append(end_to_end.EndToEndNetwork(inputs, [FUSED], torch.Generator()).table.numpy())
    assert np.array_equal(*found)


def test_parts_that_can_not_be_trained_through_are_refused(parity: Interactions) -> None:
    inputs, _, _ = made(parity, "concat")
    with pytest.raises(FitError, match="no encoder learns"):
        end_to_end.check_trainable(replace(inputs, prepared={}))
    filled = find_class("align", "impute")().fit(inputs.views, parity)
    with pytest.raises(FitError, match=r"this aligner can't be trained through.* 'Impute'"):
        end_to_end.check_trainable(replace(inputs, aligner=filled))
    with pytest.raises(FitError, match=r"this fuser can't be trained through.* 'object'"):
        end_to_end.check_trainable(replace(inputs, fuser=object()))


def test_an_aligner_of_another_kind_is_never_skipped(parity: Interactions) -> None:
    class Doubled:  # aligns, without the maps of our own aligners
        def fit(self, views: dict, train: Interactions) -> "Doubled":
            return self

        def align(self, views: dict) -> dict[str, Embeddings]:
            return {n: replace(v, vectors=2 * v.vectors) for n, v in views.items()}

    inputs, aligned, _ = made(parity, "concat")
    model = TwoTower(dim=8, batch=64, epochs=1).fit(parity, aligned)
    with pytest.raises(FitError, match=r"this aligner can't be trained through.* 'Doubled'"):
        model.fit_end_to_end(parity, aligned, replace(inputs, aligner=Doubled()))
