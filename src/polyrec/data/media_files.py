"""Find the media files of items."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias

from polyrec.data.validation import finding_for
from polyrec.errors import DataError
from polyrec.types import Finding, FindingLevel, Link, Problem, Raw

MEDIA_SUFFIXES = {
    "image": (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".avif"),
    "audio": (".mp3", ".wav", ".ogg", ".flac", ".m4a", ".aac", ".opus"),
    "video": (".mp4", ".webm", ".mkv", ".mov", ".avi", ".m4v"),
}
"""Modality -> the suffixes of its files."""

_Status: TypeAlias = Literal["as named", "matched", "missing", "ambiguous", "outside"]
_FINDINGS: tuple[tuple[_Status, FindingLevel, str, str], ...] = (
    ("outside", "error", "paths outside the data folder",
     "media must be inside the data folder, links included"),
    ("missing", "warning", "files that don't exist", "restore the files, or set data.media_root"),
    ("ambiguous", "warning", "names of several files", "they count as missing: add their folders"),
    ("matched", "note", "files found by their names", "their paths are not as in the data"),
)  # fmt: skip


class MediaFolder:
    """The folder of media files; a file is found by the end of its path if that is unique.

    A name may lack the suffix, or differ from the file's in capitals. A path outside the folder
    (`..`, an absolute path, a link) is refused. If more than `max_missing` of a modality's files
    are missing, `find` raises `DataError`.
    """

    def __init__(self, root: Path, max_missing: float = 1.0) -> None:
        self.root = root.resolve()
        self.max_missing = max_missing
        self.findings: list[Finding] = []

    def find(self, kind: str, names: Sequence[str | None]) -> list[Raw | None]:
        """Return the media files of the items; a path outside the folder is a `Problem`."""
        names_by: dict[_Status, list[str]] = defaultdict(list)
        files: list[Raw | None] = []
        for name in names:
            if not name:
                files.append(None)
                continue
            raw, status = self._resolve(kind, name)
            matched = f"{name}: {raw.relative_to(self.root)}" if isinstance(raw, Path) else name
            names_by[status].append(matched if status == "matched" else name)
            files.append(raw)
        self._check_share(kind, names_by)
        for status, level, what, remedy in _FINDINGS:
            self.findings += finding_for(level, f"{kind} {what}", names_by[status], remedy)
        return files

    def _resolve(self, kind: str, name: str) -> tuple[Raw, _Status]:
        if "://" in name:
            return Link(name), "as named"
        try:
            file = (self.root / name).resolve()
        except (ValueError, OSError, RuntimeError):  # a name with a zero byte, circular links
            return Problem("refused", "not a file name"), "outside"
        if not file.is_relative_to(self.root):
            return Problem("refused", "a path outside the data folder"), "outside"
        if file.exists():
            return file, "as named"
        if "\\" in name:  # a path of Windows
            return self._resolve(kind, name.replace("\\", "/"))
        matches = self._matches(kind, file)
        if len(matches) == 1:
            return matches[0], "matched"
        return file, "ambiguous" if matches else "missing"

    def _matches(self, kind: str, file: Path) -> list[Path]:
        """Return the files whose paths end with the path of this one."""
        name = file.name.casefold()
        paths = self._by_name.get(name) or [
            path for path in self._by_stem.get(name, ()) if path.suffix.lower() in _suffixes(kind)
        ]
        folders = file.relative_to(self.root).parts[:-1]
        paths = [p for p in paths if p.parts[-1 - len(folders) : -1] == folders]
        return [path for path in paths if path.name == file.name] or paths

    @cached_property
    def files(self) -> list[Path]:
        """The files below the folder; links are not followed."""
        return [
            path
            for folder, _, names in os.walk(self.root)
            for name in sorted(names)
            if not (path := Path(folder, name)).is_symlink()
        ]

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        files: dict[str, list[Path]] = {}
        for path in self.files:
            files.setdefault(path.name.casefold(), []).append(path)
        return files

    @cached_property
    def _by_stem(self) -> dict[str, list[Path]]:
        files: dict[str, list[Path]] = {}
        for path in self.files:
            files.setdefault(path.stem.casefold(), []).append(path)
        return files

    def _check_share(self, kind: str, names_by: dict[_Status, list[str]]) -> None:
        """Raise `DataError` with the likely cause if too many files are missing."""
        lost = {status: names_by[status] for status in ("missing", "ambiguous", "outside")}
        count, total = sum(map(len, lost.values())), sum(map(len, names_by.values()))
        if count <= self.max_missing * total:
            return
        status = max(lost, key=lambda status: len(lost[status]))
        example = lost[status][0]
        raise DataError(
            f"{count:,} of {total:,} {kind} files are missing",
            received=f"{example!r}, below {self.root}",
            remedy=f"{self._cause(kind, status, lost[status])}; "
            "data.max_missing.media is the share that may be missing",
        )

    def _cause(self, kind: str, status: str, names: Sequence[str]) -> str:
        """Return the likely cause, and what to do about it."""
        if status == "outside":
            return (
                "the paths are outside the folder: set data.media_root to the folder of the files"
            )
        if status == "ambiguous":
            return "several files have these names: write their folders, too"
        alike = Counter(
            path.parent
            for name in names[:1000]
            for path in self._by_name.get(Path(name.replace("\\", "/")).name.casefold(), ())
        )
        if alike:
            folder = alike.most_common(1)[0][0].relative_to(self.root)
            return f"files of these names are in '{folder}': write paths as from data.media_root on"
        if not any(path.suffix.lower() in _suffixes(kind) for path in self.files):
            return f"there is no {kind} below this folder: set data.media_root to their folder"
        return f"no {kind} has such a name: check data.{kind}, the column, and data.media_root"


def _suffixes(kind: str) -> tuple[str, ...]:
    return MEDIA_SUFFIXES.get(kind, ())
