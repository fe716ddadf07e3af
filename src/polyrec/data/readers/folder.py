"""polyrec's own layout: interactions.*, items.*, and features beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from polyrec.contracts import part
from polyrec.data.frames import FileReader, find_table, require_folder
from polyrec.data.item_metadata import USER_LABELS
from polyrec.data.naming import Columns, source_tables
from polyrec.data.readers.joins import join_events, join_items
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

    `interactions`, `items` and `users` name other files. The rows of several files of interactions
    are joined; a mapping names the kind of events of each. Several files of items are joined on
    their ids. A table of users is only read for `user_labels`.

    >>> FolderReader().read(Path("nowhere"), {})
    Traceback (most recent call last):
    polyrec.errors.DataError: no such data folder: received 'nowhere'; check data.path
    """

    example: ClassVar[Mapping[str, Any]] = {
        "interactions.csv": "user_id,item_id,timestamp\nu1,i1,1\nU1,I1,2\nv,j,3\n",
        "items.csv": "item_id,title\ni1,One\nI1,Two\nj,Three\n",
    }

    interactions: tuple[str, ...] | dict[str, str] = ()
    items: tuple[str, ...] = ()
    users: str | None = None
    time_format: str | None = None

    def read(self, path: Path, columns: Columns) -> SourceTables:
        """Return the tables of the folder."""
        events = self._event_files(path)
        default = None if self.items else find_table(path, "items")
        files = [path / name for name in self.items] or ([default] if default else [])
        users = self._users_file(path) if USER_LABELS in columns else None
        errors = ErrorCollector()
        tables = []
        for file in (*events, *files, *([users] if users else [])):
            with errors.catch():
                tables.append(self.table(file))
        errors.raise_any()
        user_table = tables.pop() if users else None
        log, items = tables[: len(events)], tables[len(events) :]
        joined, columns = join_events(
            log, list(events.values()), columns, EVENTS, time_format=self.time_format
        )
        return source_tables(
            joined,
            join_items(items, columns, ITEMS) if items else None,
            columns,
            usual=(EVENTS, ITEMS),
            users=user_table,
        )

    def _event_files(self, path: Path) -> dict[Path, str | None]:
        """Return the files of events, and the kind of their events where the config names it."""
        if self.interactions:
            kinds = self.interactions if isinstance(self.interactions, Mapping) else {}
            return {path / name: kinds.get(name) for name in self.interactions}
        file = find_table(require_folder(path), "interactions")
        if file is None:
            raise DataError(
                "the folder has no interactions file",
                received=", ".join(sorted(p.name for p in path.iterdir())[:20]),
                remedy="set data.interactions to its name, or data.use",
            )
        return {file: None}

    def _users_file(self, path: Path) -> Path | None:
        return path / self.users if self.users else find_table(path, "users")
