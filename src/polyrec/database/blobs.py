"""The media folder: uploaded files under the sha256 of their bytes.

A name is never made of what a client sent. Equal files are kept once; what no item refers to any
more is swept away after a while.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class BlobStore:
    """Files below one folder, made when the first is kept."""

    folder: Path

    def path(self, digest: str) -> Path:
        """Return where the file with this digest lies, or will lie."""
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"not a digest: {digest!r}")
        return self.folder / digest[:2] / digest

    def spool(self) -> Spool:
        """Return a file to write to, whose digest isn't known yet."""
        place = self.folder / "spool"
        place.mkdir(parents=True, exist_ok=True)
        return Spool(self, place / secrets.token_hex(16))

    def sweep(self, known: Collection[str], *, older_than_s: float) -> int:
        """Return how many files were deleted: those not known, and left-over spool files.

        What is younger stays, since a row that names it may be on its way.
        """
        limit = time.time() - older_than_s
        gone = 0
        for file in self.folder.glob("*/*"):
            if file.name not in known and file.stat().st_mtime < limit:
                file.unlink(missing_ok=True)
                gone += 1
        return gone


@dataclass
class Spool:
    """A file on its way; leaving the `with` deletes it unless it was kept."""

    files: BlobStore
    path: Path
    size: int = 0
    _digest: Any = field(default_factory=hashlib.sha256, repr=False)

    def __enter__(self) -> Self:
        self._file = self.path.open("xb")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Append some bytes."""
        self._file.write(chunk)
        self._digest.update(chunk)
        self.size += len(chunk)

    def flush(self) -> None:
        """Let others read what was written."""
        self._file.flush()

    def keep(self) -> str:
        """Move the file to its place, safe on the disk, and return its digest."""
        self._file.flush()
        os.fsync(self._file.fileno())
        digest: str = self._digest.hexdigest()
        target = self.files.path(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        self.path.replace(target)  # the same bytes where it is there already, and young again
        return digest
