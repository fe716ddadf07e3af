"""The encoder of speech, with a speech model that says what the test wants."""

import io
import sys
import types
import wave
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers", reason="extra models is not installed")
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from packaged_models import e5_file
from polyrec.encode import Speech
from polyrec.encode.packaged.e5_file import repack
from polyrec.errors import ExtraError
from polyrec.media.video import Cue
from polyrec.registry import required_extra

WORDS = ["boat", "red", "<|startoftranscript|>", "<|notimestamps|>"]
MODULE = "polyrec.encode.audio.whisper"


class FakeWhisper:
    """Hears a boat in the first 10 s, and nothing in what is quieter than that."""

    def __init__(self, folder: str, **settings: object) -> None:
        assert (Path(folder) / "model.bin").is_file()

    def generate(self, features: np.ndarray, prompts: list, **options: object) -> list:
        assert features.shape == (1, 80, 3000)
        assert prompts == [[2]]
        loud = bool(features[0, :, :100].std() > 0.3)
        ids = [4, 0, 4 + 100, 4 + 100, 1, 4 + 150] if loud else []
        return [types.SimpleNamespace(sequences_ids=[ids], scores=[-0.1], no_speech_prob=0.0)]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type:
    """Return the encoder's class; a fake ctranslate2 and tiny models are installed."""
    fake = types.ModuleType("ctranslate2")
    fake.models = types.SimpleNamespace(Whisper=FakeWhisper)  # type: ignore[attr-defined]
    fake.StorageView = types.SimpleNamespace(from_array=np.asarray)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ctranslate2", fake)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    monkeypatch.setenv("POLYREC_MODELS", str(tmp_path))
    for name in ("e5", "whisper"):
        (tmp_path / name).mkdir()
    repack({"e5-small-q4.bin": e5_file()[0]}, tmp_path / "e5")
    (tmp_path / "whisper" / "model.bin").write_bytes(b"weights")
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="boat"))
    tokenizer.save(str(tmp_path / "whisper" / "tokenizer.json"))
    return Speech


def sound(samples: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((samples * 32_767).astype("<i2").tobytes())
    return buffer.getvalue()


SPOKEN = sound(0.3 * np.sin(np.arange(64_000) / 5))
HISS = sound(np.random.default_rng(0).normal(0, 0.1, 64_000).clip(-1, 1))


def test_words_become_rows_and_what_has_none_is_absent(installed: type) -> None:
    encoder = installed(text="e5", device="cpu")
    assert encoder.transcribe(SPOKEN) == [Cue(0, 2, "boat"), Cue(2, 3, "red")]
    view = encoder.encode([SPOKEN, HISS, sound(np.zeros(16_000)), b"noise" * 20, None])
    assert view.present.tolist() == [True, False, False, False, False]
    assert str(view.problems[1]) == "missing: no speech"
    assert view.problems[2].status == "missing"
    assert view.problems[3].status == "wrong type"
    words = encoder.text_encoder.encode(["boat red"]).vectors[0]
    assert np.allclose(view.vectors[0], words, atol=1e-5)
    assert encoder.width == 32


def test_both_models_are_part_of_the_key_and_the_card(installed: type) -> None:
    encoder = installed(text="e5", device="cpu")
    assert encoder.fingerprint_ if encoder.identity else False
    assert encoder.text_encoder.fingerprint_ in encoder.identity
    card = encoder.card()
    assert (card["licence"], card["text"]["licence"]) == ("MIT", "MIT")


def test_what_is_not_installed_is_named(
    installed: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert required_extra(MODULE) == "speech"
    (tmp_path / "whisper" / "model.bin").unlink()
    with pytest.raises(ExtraError, match="polyrec models add whisper"):
        installed(text="e5").encode([SPOKEN])
    (tmp_path / "whisper" / "model.bin").write_bytes(b"weights")
    monkeypatch.setitem(sys.modules, "ctranslate2", None)
    with pytest.raises(ExtraError, match=r"pip install 'polyrec\[speech\]'"):
        installed(text="e5").encode([SPOKEN])
