"""A folder whose every file is named in a manifest with its sha256."""

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
_AGAIN = "copy it again, or make it again with polyrec run"


@dataclass
class ChecksummedWriter:
    """Writes JSON and arrays into a folder, then the manifest that seals them.

    >>> SealedWriter(Path("folder")).files
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

    def seal(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest; the folder is whole from now on."""
        tree = {**manifest, "files": self.files}
        (self.folder / MANIFEST).write_text(json.dumps(tree, indent=1), encoding="utf-8")


@dataclass(frozen=True)
class ChecksummedFolder:
    """A folder whose files were found to be what the manifest says."""

    folder: Path
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path, *, newest: int) -> ChecksummedFolder:
        """Check the format number, then every file, or raise `BundleError`."""
        manifest = read_manifest(folder)
        number, files = manifest["format"], manifest["files"]
        if number > newest:
            remedy = f"this polyrec reads formats up to {newest}: upgrade it"
            raise BundleError("the bundle has a newer format", received=number, remedy=remedy)
        for name, expected in files.items():
            if Path(name).name != name:
                raise BundleError("a file outside the bundle", received=name, remedy="don't use it")
            if not (folder / name).is_file() or sha256(folder / name) != expected:
                raise BundleError("a file is missing or changed", received=name, remedy=_AGAIN)
        return cls(folder, manifest)

    def json(self, name: str) -> Any:
        """Return a JSON file of the folder."""
        return json.loads(self._path(name).read_text(encoding="utf-8"))

    def arrays(self, name: str) -> dict[str, npt.NDArray[Any]]:
        """Return an npz file of the folder."""
        with np.load(self._path(name), allow_pickle=False) as file:
            return {key: file[key] for key in file.files}

    def _path(self, name: str) -> Path:
        if name not in self.manifest["files"]:
            raise BundleError("a file is missing", received=name, remedy=_AGAIN)
        return self.folder / name


def sha256(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a sealed folder, nothing being checked but its form."""
    if not (folder / MANIFEST).is_file():
        raise BundleError("no bundle here", received=str(folder), remedy="give the --out of a run")
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if isinstance(manifest["format"], int) and isinstance(manifest["files"], dict):
            return dict(manifest)
    except (ValueError, KeyError, TypeError):
        pass
    raise BundleError("the manifest can't be read", received=str(folder / MANIFEST), remedy=_AGAIN)
