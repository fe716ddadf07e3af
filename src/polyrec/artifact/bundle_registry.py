"""A folder of bundles, one of which is current.

The file `current` holds the name of a bundle per line: all that were current, the last one being
what is served. It is replaced atomically: a reader finds the old content or the new.
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
    """A folder of bundles, or a single bundle that can't be swapped."""

    folder: Path

    @property
    def is_single(self) -> bool:
        """Return whether the folder is itself a bundle."""
        return (self.folder / MANIFEST).is_file()

    def current(self) -> Path:
        """Return the folder of the bundle to serve."""
        if self.is_single:
            return self.folder
        names = self.history()
        if not names:
            names = self.names()
            if len(names) != 1:
                remedy = "make one with polyrec run --out, or name one in the file 'current'"
                received = ", ".join(names) or str(self.folder)
                raise BundleError("no bundle is current", received=received, remedy=remedy)
        return self.folder / names[-1]

    def names(self) -> list[str]:
        """Return the names of all bundles, sorted."""
        return sorted(path.parent.name for path in self.folder.glob(f"[!.]*/{MANIFEST}"))

    def history(self) -> list[str]:
        """Return the names of the bundles that were current and still exist, oldest first."""
        try:
            lines = (self.folder / CURRENT_FILE).read_text(encoding="utf-8").split()
        except (FileNotFoundError, NotADirectoryError):
            return []
        known = set(self.names())
        return [line for line in lines if line in known]

    def pin(self) -> None:
        """Mark the only bundle as current, before another one is added."""
        if not self.history():
            self._write_history([self.current().name])

    def set_current(self, name: str) -> None:
        """Make another bundle current."""
        before = self.history() or [other for other in self.names() if other != name][-1:]
        self._write_history([*before, name])

    def roll_back(self) -> str:
        """Make the previous bundle current again; return its name."""
        history = self.history()
        if self.is_single or len(history) < 2:
            remedy = "there is one after the first polyrec refit"
            raise BundleError("no previous bundle", received=str(self.folder), remedy=remedy)
        self._write_history(history[:-1])
        return history[-2]

    def next_name(self) -> str:
        """Return the name of the next bundle: numbers in order of creation."""
        numbers = [int(name) for name in self.names() if name.isdigit()]
        return f"{max(numbers, default=0) + 1:06d}"

    def prune(self, keep: int) -> list[str]:
        """Delete the oldest numbered bundles, the current one never; return their names.

        `keep` bundles stay.
        """
        current = self.current().name
        numbered = [name for name in self.names() if name.isdigit() and name != current]
        deleted = numbered[: max(0, len(numbered) - max(0, keep - 1))]
        for name in deleted:
            self.delete(name)
        return deleted

    def delete(self, name: str) -> None:
        """Delete a bundle."""
        shutil.rmtree(self.folder / name, ignore_errors=True)

    def _write_history(self, names: list[str]) -> None:
        partial = self.folder / f".{CURRENT_FILE}.{os.getpid()}"
        with partial.open("w", encoding="utf-8") as file:
            file.write("\n".join(names) + "\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.folder / CURRENT_FILE)
