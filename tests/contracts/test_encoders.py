"""What every registered encoder promises.

A test takes the encoder and contents alone, so that it can be called for any part.
"""

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from packaged_models import checkpoint_files, e5_file, musicnn_variables
from polyrec.artifact import part_state
from polyrec.config import make_part
from polyrec.contracts import Encoder, FitsContents
from polyrec.errors import ExtraError, MediaError
from polyrec.media.probe import probe
from polyrec.registry import find_class, registered_parts
from polyrec.types import Interactions, Raw

Contents = Sequence[Raw | None]

TEXTS = [
    "A boat at sea. Blue waves.",
    "Bread and warm soup",
    None,
    "海浪和小船",
    "蓝色的海浪，小船, snow",
    "Blue boat, warm bread",
]
WORDS = ["boat", "blue", "bread", "warm", "soup", "waves", "海", "浪", "船", "蓝", "色", "snow"]
UNREADABLE: Mapping[str, Raw] = {
    "text": " ",
    "any": np.full(5, np.nan, np.float32),
    **dict.fromkeys(("image", "audio", "video"), b"\x00" * 100),
}


@pytest.fixture(scope="module")
def contents_of(world: Path) -> Mapping[str, Contents]:
    """Return six contents of each modality, the third being None."""
    generator = np.random.default_rng(0)
    rows = [generator.random(5).astype(np.float32) if i != 2 else None for i in range(6)]
    contents: dict[str, Contents] = {"text": TEXTS, "any": rows}
    for kind in ("image", "audio", "video"):
        files = readable(kind, sorted((world / kind).iterdir()), count=5)
        contents[kind] = [*files[:2], None, *files[2:]]
    return contents


def readable(kind: str, files: Sequence[Path], *, count: int) -> list[Path]:
    chosen: list[Path] = []
    for path in files:
        try:
            probe(kind, path)
        except MediaError:
            continue
        if path.stat().st_size > 1500:  # not next to nothing
            chosen.append(path)
        if len(chosen) == count:
            break
    return chosen


@pytest.fixture(scope="module")
def sample_file(tiny_model: Callable, tmp_path_factory: pytest.TempPathFactory) -> Callable:
    """Return a function from a kind in `sample_files` to the path of such a file."""

    def sample(kind: str) -> str:
        if kind != "word vectors":
            return str(tiny_model(kind))
        path = tmp_path_factory.mktemp("vectors") / "glove.txt"
        lines = [f"{word} {i % 3} {i % 2} {i}" for i, word in enumerate(WORDS)]
        path.write_text("\n".join(lines), encoding="utf-8")
        return str(path)

    return sample


@pytest.fixture(scope="module", autouse=True)
def packaged_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have random weights where `polyrec models add` would put pretrained ones."""
    if find_spec("torch") is None:
        yield
        return
    from safetensors.torch import save_file

    from polyrec.encode.image.efficientnet import EfficientNetLite0
    from polyrec.encode.packaged.e5_file import repack as repack_e5
    from polyrec.encode.packaged.tensorflow_checkpoint import repack_musicnn

    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        weights = make_folder(folder / "efficientnet") / "model.safetensors"
        save_file(EfficientNetLite0().state_dict(), weights)
        repack_e5({"e5": e5_file()[0]}, make_folder(folder / "e5"))
        repack_musicnn(checkpoint_files(musicnn_variables()), make_folder(folder / "musicnn"))
        patch.setenv("POLYREC_MODELS", str(folder))
        yield


def make_folder(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.fixture(scope="module", params=sorted(registered_parts("encode")))
def encoder(
    request: pytest.FixtureRequest, contents_of: Mapping[str, Contents], sample_file: Callable
) -> Encoder:
    """Return an encoder that the tests share, fitted where it learns: they only encode with it."""
    try:
        kind = find_class("encode", request.param)
        files = {setting: sample_file(name) for setting, name in kind.sample_files.items()}
        part = kind(**{**kind.small, **files})
        if isinstance(part, FitsContents):
            fit(part, contents_of[part.modality])
        part.encode(contents_of[part.modality][:1])
    except ExtraError as error:
        pytest.skip(str(error))
    return part


@pytest.fixture
def contents(encoder: Encoder, contents_of: Mapping[str, Contents]) -> Contents:
    """Return six contents of the encoder's modality, the third being None."""
    return contents_of[encoder.modality]


def fit(part: FitsContents, contents: Contents) -> Encoder:
    """Fit an encoder on each content twice, so that there is enough to learn from."""
    pairs = [(user, item) for user in range(6) for item in range(12) if (user + item) % 3]
    train = Interactions.of(*zip(*pairs, strict=True), shape=(6, 12))
    return part.fit(list(contents) * 2, train)


def test_it_is_an_encoder_whose_settings_make_it_again(encoder: Encoder) -> None:
    assert isinstance(encoder, Encoder)
    again = make_part(type(encoder), part_state.part_settings(encoder), where="encode")
    assert part_state.part_settings(again) == part_state.part_settings(encoder)
    assert dataclasses.is_dataclass(encoder)


def test_rows_are_finite_float32_and_absent_ones_zero(encoder: Encoder, contents: Contents) -> None:
    view = encoder.encode(contents)
    assert view.vectors.dtype == np.float32
    assert view.vectors.shape == (6, encoder.width)
    assert view.present.tolist() == [True, True, False, True, True, True]
    assert np.isfinite(view.vectors).all()
    assert not view.vectors[2].any()
    assert view.problems == {}


def test_the_same_contents_give_the_same_bits_in_any_order(
    encoder: Encoder, contents: Contents
) -> None:
    view = encoder.encode(contents)
    assert np.array_equal(encoder.encode(contents).vectors, view.vectors)
    turned = encoder.encode(contents[::-1])
    assert np.allclose(turned.vectors[::-1], view.vectors, atol=1e-5)


def test_a_batch_equals_its_members(encoder: Encoder, contents: Contents) -> None:
    single = [encoder.encode([content]).vectors[0] for content in contents]
    assert np.allclose(np.stack(single), encoder.encode(contents).vectors, atol=1e-5)


def test_different_contents_differ(encoder: Encoder, contents: Contents) -> None:
    rows = encoder.encode(contents).vectors
    assert not np.allclose(rows[0], rows[1])


def test_what_can_not_be_read_is_absent_with_a_reason(encoder: Encoder) -> None:
    view = encoder.encode([UNREADABLE[encoder.modality]])
    assert not view.present[0]
    assert view.problems.get(0)
    assert not view.vectors.any()


def test_learned_state_comes_back_from_a_bundle(encoder: Encoder, contents: Contents) -> None:
    fresh = make_part(type(encoder), part_state.part_settings(encoder), where="encode")
    part_state.load_learned(fresh, *part_state.dump_learned(encoder))
    assert np.array_equal(fresh.encode(contents).vectors, encoder.encode(contents).vectors)


def test_views_name_the_space_and_the_card_says_where_the_encoder_is_from(
    encoder: Encoder, contents: Contents
) -> None:
    assert encoder.encode(contents).space == encoder.space
    assert {"name", "licence", "trained"} <= set(encoder.card())


def test_encoding_leaves_contents_and_encoder_as_they_were(
    encoder: Encoder, contents: Contents
) -> None:
    before, learned = copy.deepcopy(contents), copy.deepcopy(part_state.dump_learned(encoder))
    encoder.encode(contents)
    assert all(np.array_equal(a, b) for a, b in zip(contents, before, strict=True))
    tree, arrays = part_state.dump_learned(encoder)
    assert tree == learned[0]
    assert all(np.array_equal(arrays[name], array) for name, array in learned[1].items())


def test_the_same_seed_learns_the_same_and_fit_forgets_the_past(
    encoder: Encoder, contents: Contents
) -> None:
    if not isinstance(encoder, FitsContents):
        pytest.skip("it learns nothing")
    rows = encoder.encode(contents).vectors
    fresh = make_part(type(encoder), part_state.part_settings(encoder), where="encode")
    others = [contents[0], contents[1]] * 3
    again = fit(fit(fresh, others), contents)
    assert np.array_equal(again.encode(contents).vectors, rows)


def test_the_order_of_the_catalogue_does_not_matter_unless_it_draws(
    encoder: Encoder, contents: Contents
) -> None:
    if not isinstance(encoder, FitsContents) or encoder.is_random:
        pytest.skip("it learns nothing, or draws")
    rows = encoder.encode(contents).vectors
    fresh = make_part(type(encoder), part_state.part_settings(encoder), where="encode")
    turned = fit(fresh, contents[::-1])
    assert np.allclose(turned.encode(contents).vectors, rows, atol=1e-4)
