"""MusiCNN: read from a TensorFlow checkpoint, and sounds through it."""

import io
import wave
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="extra torch is not installed")
import torch

from packaged_models import checkpoint_files, musicnn_variables
from polyrec.config import Limits
from polyrec.encode import MusiCNN
from polyrec.encode.audio.decode_patches import PatchDecoder
from polyrec.encode.audio.slaney_mel import MelSettings, mel_power
from polyrec.encode.packaged.catalog import find_packaged_model
from polyrec.encode.packaged.install import is_model_installed
from polyrec.encode.packaged.tensorflow_checkpoint import read_variables, repack_musicnn
from polyrec.errors import ExtraError

RATE = 16_000


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of models with random weights for MusiCNN."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "musicnn").mkdir()
    repack_musicnn(checkpoint_files(musicnn_variables()), folder / "musicnn")
    return folder


@pytest.fixture
def variables(models: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """Return random variables, installed as MusiCNN's."""
    monkeypatch.setenv("POLYREC_MODELS", str(models))
    return musicnn_variables()


def tone(seconds: float, hertz: float = 440, level: float = 0.3) -> bytes:
    samples = level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((samples * 32_767).astype("<i2").tobytes())
    return buffer.getvalue()


def test_variables_are_those_of_the_checkpoint() -> None:
    variables = {"a": np.ones(()), "ab/c": np.arange(300.0), "ab/cd": np.arange(6.0).reshape(2, 3)}
    read = read_variables(*checkpoint_files(variables).values())
    assert read.keys() == variables.keys()
    for name, values in variables.items():
        assert read[name].shape == values.shape
        assert np.array_equal(read[name], values)
    with pytest.raises(ExtraError, match="not the index of a TensorFlow checkpoint"):
        read_variables(bytes(100), b"")


def test_the_network_computes_what_tensorflow_would(variables: dict[str, np.ndarray]) -> None:
    patch = np.random.default_rng(1).random((187, 96)).astype(np.float32)
    with torch.inference_mode():
        row = MusiCNN(device="cpu").network(torch.from_numpy(patch)[None])[0].numpy()
    assert row.shape == (1706,)
    timbre = convolved(variables, "conv2d", "_1", normalised(patch, variables, ""))
    tempo = convolved(variables, "conv2d_3", "_4", normalised(patch, variables, ""))
    # the features of a column of the front end: the maximum and the mean over time
    for column, over_time in ((5, timbre[:, 5]), (459, tempo[:, 0])):
        for offset, value in enumerate((over_time.max(), over_time.mean())):
            expected = normalised(np.full(1506, value), variables, "_9")[2 * column + offset]
            assert row[2 * column + offset] == pytest.approx(expected, abs=1e-3)


def normalised(rows: np.ndarray, variables: dict[str, np.ndarray], number: str) -> np.ndarray:
    name = f"batch_normalization{number}"
    beta, gamma, mean, variance = (
        variables[f"{name}/{leaf}"] for leaf in ("beta", "gamma", "moving_mean", "moving_variance")
    )
    return (rows - mean) / np.sqrt(variance + 1e-3) * gamma + beta


def convolved(
    variables: dict[str, np.ndarray], layer: str, norm: str, rows: np.ndarray
) -> np.ndarray:
    """Return (t, c) of (t, f): TensorFlow's SAME padding in time, the maximum over f."""
    kernel = variables[f"{layer}/kernel"][:, :, 0].astype(np.float64)  # (kt, kf, c)
    padding = kernel.shape[0] - 1
    padded = np.pad(rows, ((padding // 2, padding - padding // 2), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[:2])
    sums = np.einsum("tfij,ijc->tfc", windows, kernel, optimize=True) + variables[f"{layer}/bias"]
    return normalised(np.maximum(sums, 0), variables, norm).max(axis=1)


@pytest.mark.usefixtures("variables")
def test_sounds_of_any_length_silence_and_noise() -> None:
    contents = [tone(0.05), tone(4.0), tone(2.0, level=0.0), b"noise" * 30, None]
    view = MusiCNN(device="cpu").encode(contents)
    assert view.present.tolist() == [True, True, True, False, False]
    assert view.problems.keys() == {3}
    assert np.allclose(np.linalg.norm(view.vectors[:3], axis=1), 1, atol=1e-5)


def test_patches_cover_the_sound_and_short_ones_are_repeated() -> None:
    decoder = PatchDecoder(seconds=10)
    assert decoder.prepare(tone(12), Limits()).shape == (4, 187, 96)
    short = decoder.prepare(tone(0.5), Limits())
    assert short.shape == (1, 187, 96)
    assert np.array_equal(short[0, :32], short[0, 32:64])


def test_bands_have_librosas_scale() -> None:
    # librosa.filters.mel(sr=16000, n_fft=512, n_mels=96): centres are linear up to 1 kHz
    settings = MelSettings()
    times = np.arange(RATE) / RATE
    peaks = [
        int(mel_power(np.sin(2 * np.pi * hertz * times).astype(np.float32), settings)[20].argmax())
        for hertz in (500, 1000, 4000)
    ]
    top = 15 + 27 * np.log(8) / np.log(6.4)
    slaney = [7.5, 15, 15 + 27 * np.log(4) / np.log(6.4)]
    expected = [97 * mel / top - 1 for mel in slaney]
    assert np.allclose(peaks, expected, atol=1.0)


def test_the_real_model_hears_music() -> None:
    if not is_model_installed(find_packaged_model("musicnn")):
        pytest.skip("polyrec models add musicnn was not run")
    rows = MusiCNN(device="cpu").encode([tone(4), tone(4, 450), tone(4, 60)]).vectors
    assert rows[0] @ rows[1] > rows[0] @ rows[2]
