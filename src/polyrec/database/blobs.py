"""Uploaded files, each stored under the sha256 of its bytes.

No file name comes from a client. Equal files are stored once; files that no item refers to are
deleted after a while.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class BlobStore:
    """The files in one folder, which is created with the first of them."""

    folder: Path

    def path(self, digest: str) -> Path:
        """Return the path of the file with a digest, whether it exists or not."""
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"not a digest: {digest!r}")
        return self.folder / digest[:2] / digest

    def spool(self) -> Spool:
        """Return a temporary file to write to, until its digest is known."""
        folder = self.folder / "spool"
        folder.mkdir(parents=True, exist_ok=True)
        return Spool(self, folder / secrets.token_hex(16))

    def sweep(self, referenced: Collection[str], *, older_than_s: float) -> list[str]:
        """Delete files that are not referenced, and left-over temporary ones; return their names.

        Younger files stay: the row that refers to one may not be committed yet.
        """
        if not self.folder.exists():
            return []
        with self.spool() as clock:  # the folder's own: hosts that share it may differ
            limit = clock.path.stat().st_mtime - older_than_s
        deleted = []
        for file in self.folder.glob("*/*"):
            if file.name not in referenced and file.stat().st_mtime < limit:
                file.unlink(missing_ok=True)
                deleted.append(file.name)
        return deleted


@dataclass
class Spool:
    """A temporary file; leaving the `with` deletes it unless `keep` was called."""

    files: BlobStore
    path: Path
    size: int = 0
    _digest: Any = field(default_factory=hashlib.sha256, repr=False)

    def __enter__(self) -> Self:
        self._file = self.path.open("xb")
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._file.close()  # writes the rest: that may fail, too
        finally:
            self.path.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        self._file.write(chunk)
        self._digest.update(chunk)
        self.size += len(chunk)

    def flush(self) -> None:
        """Make the written bytes readable for others."""
        self._file.flush()

    def keep(self) -> str:
        """Sync the file to disk, store it under its digest, and return the digest."""
        self._file.flush()
        os.fsync(self._file.fileno())
        digest: str = self._digest.hexdigest()
        target = self.files.path(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        self.path.replace(target)  # if it exists: the same bytes with a new age
        return digest
