"""Find the media files of items."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from polyrec.data.validation import finding_for
from polyrec.types import Finding, Link, Problem, Raw


class MediaFolder:
    """The folder of media files; a file in a subfolder is found by its name if that is unique.

    A path outside the folder (`..`, an absolute path, a link) is refused.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.findings: list[Finding] = []

    def find(self, kind: str, names: Sequence[str | None]) -> list[Raw | None]:
        """Return the media files of the items; a path outside the folder is a `Problem`."""
        outside: list[str] = []
        missing: list[str] = []
        ambiguous: list[str] = []
        nested: list[str] = []
        files: list[Raw | None] = []
        for name in names:
            if not name:
                files.append(None)
                continue
            raw: Raw = self._file(name)
            if isinstance(raw, Problem):
                outside.append(name)
            elif isinstance(raw, Path) and not raw.exists():
                below = self._below(raw)
                if len(below) == 1:
                    nested.append(f"{name}: {below[0].relative_to(self.root)}")
                    raw = below[0]
                else:
                    (ambiguous if below else missing).append(name)
            files.append(raw)
        inside = "media must be inside the data folder, links included"
        restore = "restore the files, or set data.media_root"
        self.findings += [
            *finding_for("error", f"{kind} paths outside the data folder", outside, inside),
            *finding_for("warning", f"{kind} files that don't exist", missing, restore),
            *finding_for("warning", f"{kind} names of several files", ambiguous,
                     "they count as missing: add their folders"),
            *finding_for("note", f"{kind} files in subfolders", nested, "matched by name"),
        ]  # fmt: skip
        return files

    def _file(self, name: str) -> Path | Link | Problem:
        if "://" in name:
            return Link(name)
        try:
            file = (self.root / name).resolve()
        except (ValueError, OSError, RuntimeError):  # a name with a zero byte, circular links
            return Problem("refused", "not a file name")
        if not file.is_relative_to(self.root):
            return Problem("refused", "a path outside the data folder")
        return file

    def _below(self, file: Path) -> list[Path]:
        """Return the files in subfolders whose paths end with the path of this one."""
        tail = file.relative_to(self.root).parts
        return [
            path for path in self._by_name.get(file.name, ()) if path.parts[-len(tail) :] == tail
        ]

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        files: dict[str, list[Path]] = {}
        for folder, _, names in os.walk(self.root):  # follows no links
            for name in sorted(names):
                path = Path(folder, name)
                if not path.is_symlink():
                    files.setdefault(name, []).append(path)
        return files
