"""polyrec's own layout: interactions.*, items.*, and feature files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from polyrec.contracts import BasePart, part
from polyrec.data.tables import find_table, read_table, rename_columns, require_folder
from polyrec.errors import DataError
from polyrec.types import SourceTables

EVENTS = {
    "user": "user_id", "item": "item_id", "time": "timestamp", "rating": "rating",
    "weight": "weight", "kind": "kind", "split": "split",
}  # fmt: skip
ITEMS = {"item": "item_id", "title": "title"}


@part
class FolderReader(BasePart):
    """Read interactions.{parquet,csv,tsv,jsonl} and, if it exists, items.* the same way.

    >>> FolderReader().read(Path("nowhere"), {})
    Traceback (most recent call last):
    polyrec.errors.DataError: no such data folder: received 'nowhere'; check data.path
    """

    example: ClassVar[Mapping[str, Any]] = {
        "interactions.csv": "user_id,item_id,timestamp\nu1,i1,1\nU1,I1,2\nv,j,3\n",
        "items.csv": "item_id,title\ni1,One\nI1,Two\nj,Three\n",
    }

    def read(self, path: Path, columns: Mapping[str, str]) -> SourceTables:
        """Return the tables of the folder."""
        events = find_table(require_folder(path), "interactions")
        if events is None:
            raise DataError(
                "the folder has no interactions file",
                received=", ".join(sorted(p.name for p in path.iterdir())[:20]),
                remedy="add interactions.parquet, .csv or .jsonl, or set data.use",
            )
        items = find_table(path, "items")
        return SourceTables(
            rename_columns(read_table(events), columns, EVENTS, source=events.name),
            rename_columns(read_table(items), columns, ITEMS, source=items.name) if items else None,
        )
