"""Trained encoders: they learn from behaviour, reproducibly, and stop early."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="extra torch is not installed")
from PIL import Image

from polyrec.encode.image.image_cnn import ImageCNN
from polyrec.encode.run import EncodeContext, encode_contents, fit_encoder
from polyrec.encode.text.text_lstm import TextLSTM
from polyrec.encode.text.text_transformer import TextTransformer
from polyrec.errors import FitError
from polyrec.types import Interactions

USERS, ITEMS = 60, 120


@pytest.fixture(scope="module")
def parity() -> Interactions:
    """Return users who took only items of one parity; the last 16 items nobody took."""
    generator = np.random.default_rng(0)
    pairs = [
        (user, item)
        for user in range(USERS)
        for item in range(ITEMS - 16)
        if user % 2 == item % 2 and generator.random() < 0.5
    ]
    return Interactions.of(*zip(*pairs, strict=True), shape=(USERS, ITEMS))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return pictures with a bar: lying on even items, standing on odd ones, else all random."""
    folder = tmp_path_factory.mktemp("bars")
    generator = np.random.default_rng(1)
    files = []
    for item in range(ITEMS):
        pixels = generator.integers(0, 256, (32, 32, 3)).astype(np.uint8) // 2
        edge = int(generator.integers(2, 28))
        if item % 2:
            pixels[:, edge : edge + 3] = 255
        else:
            pixels[edge : edge + 3] = 255
        Image.fromarray(pixels).save(folder / f"{item}.png")
        files.append(folder / f"{item}.png")
    return files


@pytest.fixture(scope="module")
def texts() -> list[str]:
    generator = np.random.default_rng(2)
    fillers = [f"word{i}" for i in range(12)]
    return [
        " ".join([*generator.permutation(fillers)[:6], ("odd thing" if i % 2 else "even thing")])
        for i in range(ITEMS)
    ]


def separation(vectors: np.ndarray) -> float:
    """Return how much closer new items are to known ones of their parity than to others."""
    new, old = vectors[-16:], vectors[:-16]
    scores = new @ old.T
    same = np.arange(ITEMS - 16, ITEMS)[:, None] % 2 == np.arange(ITEMS - 16) % 2
    return float(scores[same].mean() - scores[~same].mean())


@pytest.mark.parametrize(
    ("objective", "size", "epochs"), [("regress", 32, 12), ("contrast", 32, 10), ("rank", 16, 10)]
)
def test_new_images_are_encoded_near_others_of_their_kind(
    parity: Interactions, pictures: list, objective: str, size: int, epochs: int
) -> None:
    settings = {"size": size, "dim": 8, "batch": 16, "objective": objective}
    trained = ImageCNN(**settings, epochs=epochs).fit(pictures, parity)
    untrained = ImageCNN(**settings, epochs=1, rate=0.0).fit(pictures, parity)
    assert separation(trained.encode(pictures).vectors) > 0.7
    assert separation(untrained.encode(pictures).vectors) < 0.3


@pytest.mark.parametrize("encoder", [TextLSTM, TextTransformer])
def test_new_texts_are_encoded_near_others_of_their_kind(
    parity: Interactions, texts: list, encoder: type
) -> None:
    trained = encoder(dim=8, word_dim=16, batch=16, epochs=40, rate=1e-2).fit(texts, parity)
    assert separation(trained.encode(texts).vectors) > 0.4


def test_random_behaviour_gives_no_separation(pictures: list, parity: Interactions) -> None:
    shuffled = np.random.default_rng(3).permutation(parity.items)
    noise = Interactions.of(parity.users, shuffled, shape=parity.shape)
    trained = ImageCNN(size=32, dim=8, batch=16, epochs=20).fit(pictures, noise)
    assert abs(separation(trained.encode(pictures).vectors)) < 0.3


def test_the_same_seed_gives_the_same_weights_and_fit_forgets(
    texts: list, parity: Interactions
) -> None:
    encoder = TextLSTM(dim=8, epochs=3, pretrain_epochs=1)
    first = encoder.fit(texts, parity).fingerprint_
    assert encoder.fit(texts[::-1], parity).fingerprint_ != first
    assert encoder.fit(texts, parity).fingerprint_ == first
    assert replace(encoder, seed=8).fit(texts, parity).fingerprint_ != first


def test_training_stops_when_the_held_out_loss_stagnates(texts: list, parity: Interactions) -> None:
    noise = Interactions.of(
        parity.users, np.random.default_rng(3).permutation(parity.items), shape=parity.shape
    )
    encoder = TextLSTM(dim=8, epochs=200, rate=1e-2).fit(texts, noise)
    assert len(encoder.losses_) < 200
    assert np.argmin(encoder.losses_) == len(encoder.losses_) - 9


def test_without_behaviour_it_learns_from_content_alone(pictures: list) -> None:
    nobody = Interactions.of([], [], shape=(1, ITEMS))
    encoder = ImageCNN(size=32, dim=8, pretrain_epochs=2).fit(pictures, nobody)
    assert encoder.losses_ == []
    assert encoder.encode(pictures).present.all()


def test_unreadable_files_are_left_out_of_the_training(
    pictures: list, parity: Interactions, context: EncodeContext, tmp_path: Path
) -> None:
    (tmp_path / "bad.png").write_bytes(b"bad")
    contents = [*pictures[:-2], tmp_path / "bad.png", None]
    encoder = ImageCNN(size=32, dim=8, epochs=2, batch=16)
    steps = []
    reporting = replace(context, progress=lambda *step: steps.append(step))
    fit_encoder(encoder, contents, parity, reporting, stage="encode image")
    view = encode_contents(encoder, contents, context)
    assert view.present.sum() == ITEMS - 2
    assert view.problems[ITEMS - 2].status == "wrong type"
    assert {stage for stage, *_ in steps} == {"encode image: decode", "encode image: train"}
    assert any("valid loss" in str(step[-1]) for step in steps)


def test_too_few_contents_are_refused(parity: Interactions) -> None:
    with pytest.raises(FitError, match="too few contents to learn from: received 3"):
        TextLSTM().fit(["a b"] * 3, parity)
    with pytest.raises(FitError, match="the encoder is not fitted"):
        TextLSTM().embed([["a"]])
