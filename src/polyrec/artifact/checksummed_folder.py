"""A folder with a manifest that names every file and its sha256."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from polyrec.errors import BundleError

MANIFEST = "manifest.json"
_REMEDY = "copy it again, or make it again with polyrec run"


@dataclass
class ChecksummedWriter:
    """Writes JSON and arrays into a folder, and at last the manifest.

    >>> ChecksummedWriter(Path("folder")).files
    {}
    """

    folder: Path
    files: dict[str, str] = field(default_factory=dict)  # name -> sha256

    def json(self, name: str, tree: object) -> None:
        """Write a JSON file."""
        (self.folder / name).write_text(json.dumps(tree, ensure_ascii=False), encoding="utf-8")
        self.files[name] = sha256(self.folder / name)

    def arrays(self, name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Write an npz file."""
        np.savez(self.folder / name, **arrays)  # type: ignore[arg-type]
        self.files[name] = sha256(self.folder / name)

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest, which makes the folder complete."""
        tree = {**manifest, "files": self.files}
        (self.folder / MANIFEST).write_text(json.dumps(tree, indent=1), encoding="utf-8")


@dataclass(frozen=True)
class ChecksummedFolder:
    """A folder whose files match its manifest."""

    folder: Path
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path, *, expected_format: int) -> ChecksummedFolder:
        """Return the folder, its format and all its files checked, or raise `BundleError`."""
        manifest = read_manifest(folder)
        _check_format(manifest["format"], expected_format)
        for name, digest in manifest["files"].items():
            if Path(name).name != name:
                remedy = "don't use this bundle"
                raise BundleError("a file outside the bundle", received=name, remedy=remedy)
            if not (folder / name).is_file() or sha256(folder / name) != digest:
                raise BundleError("a file is missing or changed", received=name, remedy=_REMEDY)
        return cls(folder, manifest)

    def json(self, name: str) -> Any:
        """Return the content of a JSON file."""
        return json.loads(self._path(name).read_text(encoding="utf-8"))

    def arrays(self, name: str) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays of an npz file."""
        with np.load(self._path(name), allow_pickle=False) as file:
            return {key: file[key] for key in file.files}

    def _path(self, name: str) -> Path:
        if name not in self.manifest["files"]:
            raise BundleError("a file is missing", received=name, remedy=_REMEDY)
        return self.folder / name


def sha256(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a folder; its files are not checked."""
    if not (folder / MANIFEST).is_file():
        raise BundleError("no bundle here", received=str(folder), remedy="give the out= of a run")
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if isinstance(manifest["format"], int) and isinstance(manifest["files"], dict):
            return dict(manifest)
    except (ValueError, KeyError, TypeError):
        pass
    received = str(folder / MANIFEST)
    raise BundleError("the manifest can't be read", received=received, remedy=_REMEDY)


def _check_format(number: int, expected: int) -> None:
    if number == expected:
        return
    age, remedy = "a newer", "upgrade polyrec"
    if number < expected:
        age, remedy = "an older", "make it again with polyrec run"
    received = f"format {number}, not {expected}"
    raise BundleError(f"the bundle was made by {age} polyrec", received=received, remedy=remedy)
