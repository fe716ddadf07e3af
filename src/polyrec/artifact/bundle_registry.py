"""A folder of bundles, one of which is current.

`current` is a text file with one bundle's name per line: the way that led here, the last line being
what is served. It is replaced whole, so that whoever looks finds the old one or the new one.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from polyrec.artifact.checksummed_folder import MANIFEST
from polyrec.errors import BundleError

CURRENT_FILE = "current"


@dataclass(frozen=True)
class BundleRegistry:
    """Bundles beside each other, or a single bundle that has no place for others."""

    folder: Path

    @property
    def is_single(self) -> bool:
        """Return whether the folder is itself a bundle: then nothing can be swapped."""
        return (self.folder / MANIFEST).is_file()

    def current(self) -> Path:
        """Return the folder of the bundle that is to be served."""
        if self.is_single:
            return self.folder
        way = self.history()
        if not way:
            held = self.names()
            if len(held) != 1:
                remedy = "make one with polyrec run --out, or name one in the file 'current'"
                received = ", ".join(held) or str(self.folder)
                raise BundleError("which bundle is current?", received=received, remedy=remedy)
            way = held
        return self.folder / way[-1]

    def names(self) -> list[str]:
        """Return the bundles that are there."""
        return sorted(path.parent.name for path in self.folder.glob(f"[!.]*/{MANIFEST}"))

    def history(self) -> list[str]:
        """Return the names that were current, the last one being so now."""
        try:
            lines = (self.folder / CURRENT_FILE).read_text(encoding="utf-8").split()
        except (FileNotFoundError, NotADirectoryError):
            return []
        known = set(self.names())
        return [line for line in lines if line in known]

    def pin(self) -> None:
        """Write down what is current, so that another bundle beside it leaves no doubt."""
        if not self.history():
            self._point([self.current().name])

    def set_current(self, name: str) -> None:
        """Make another bundle current."""
        before = self.history() or [other for other in self.names() if other != name][-1:]
        self._point([*before, name])

    def roll_back(self) -> str:
        """Make the bundle before the current one current again; return its name."""
        way = self.history()
        if self.is_single or len(way) < 2:
            remedy = "there is one after the first polyrec refit"
            raise BundleError("nothing to roll back to", received=str(self.folder), remedy=remedy)
        self._point(way[:-1])
        return way[-2]

    def next_name(self) -> str:
        """Return a name for the next bundle; names are in the order in which they were made."""
        numbers = [int(name) for name in self.names() if name.isdigit()]
        return f"{max(numbers, default=0) + 1:06d}"

    def prune(self, keep: int) -> list[str]:
        """Delete all numbered bundles but the newest `keep` and the current one; return which."""
        current = self.current().name
        numbered = [name for name in self.names() if name.isdigit() and name != current]
        gone = numbered[: max(0, len(numbered) - max(0, keep - 1))]
        for name in gone:
            shutil.rmtree(self.folder / name, ignore_errors=True)
        return gone

    def _point(self, way: list[str]) -> None:
        fresh = self.folder / f".{CURRENT_FILE}.{os.getpid()}"
        with fresh.open("w", encoding="utf-8") as file:
            file.write("\n".join(way) + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.folder / CURRENT_FILE)
