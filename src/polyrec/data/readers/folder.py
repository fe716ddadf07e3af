"""polyrec's own layout: interactions.*, items.*, and features beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from polyrec.contracts import part
from polyrec.data.frames import FileReader, find_table, require_folder
from polyrec.data.item_metadata import USER_LABELS
from polyrec.data.naming import Columns, join_items, source_tables
from polyrec.errors import DataError, ErrorCollector
from polyrec.source_tables import SourceTables

EVENTS = {
    "user": "user_id", "item": "item_id", "time": "timestamp", "rating": "rating",
    "weight": "weight", "kind": "kind", "split": "split",
}  # fmt: skip
ITEMS = {"item": "item_id", "title": "title"}


@part
class FolderReader(FileReader):
    """Read interactions.{parquet,csv,tsv,txt,json,jsonl}[.gz,.zst] and, if they exist, items.*.

    `interactions`, `items` and `users` name other files. Several files of items are joined on their
    ids. A table of users is only read for `user_labels`.

    >>> FolderReader().read(Path("nowhere"), {})
    Traceback (most recent call last):
    polyrec.errors.DataError: no such data folder: received 'nowhere'; check data.path
    """

    example: ClassVar[Mapping[str, Any]] = {
        "interactions.csv": "user_id,item_id,timestamp\nu1,i1,1\nU1,I1,2\nv,j,3\n",
        "items.csv": "item_id,title\ni1,One\nI1,Two\nj,Three\n",
    }

    interactions: str | None = None
    items: tuple[str, ...] = ()
    users: str | None = None

    def read(self, path: Path, columns: Columns) -> SourceTables:
        """Return the tables of the folder."""
        name = self.interactions
        events = path / name if name else find_table(require_folder(path), "interactions")
        if events is None:
            raise DataError(
                "the folder has no interactions file",
                received=", ".join(sorted(p.name for p in path.iterdir())[:20]),
                remedy="set data.interactions to its name, or data.use",
            )
        default = None if self.items else find_table(path, "items")
        files = [path / name for name in self.items] or ([default] if default else [])
        users = self._users_file(path) if USER_LABELS in columns else None
        errors = ErrorCollector()
        tables = []
        for file in (events, *files, *([users] if users else [])):
            with errors.catch():
                tables.append(self.table(file))
        errors.raise_any()
        user_table = tables.pop() if users else None
        items = join_items(tables[1:], columns, ITEMS) if files else None
        return source_tables(tables[0], items, columns, usual=(EVENTS, ITEMS), users=user_table)

    def _users_file(self, path: Path) -> Path | None:
        return path / self.users if self.users else find_table(path, "users")
