"""Amazon reviews and product metadata of 2014, 2018 and 2023, as JSON lines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from polyrec.contracts import part
from polyrec.data.frames import FileReader, require_folder
from polyrec.data.naming import Columns, source_tables
from polyrec.errors import DataError
from polyrec.source_tables import SourceTables

_EVENTS_2014 = {
    "user": "reviewerID", "item": "asin", "rating": "overall", "time": "unixReviewTime",
}  # fmt: skip
_EVENTS_2023 = {
    "user": "user_id", "item": "parent_asin", "rating": "rating", "time": "timestamp",
}  # fmt: skip


@part
class AmazonReader(FileReader):
    """Read reviews*.json(l)[.gz] and, if it exists, meta*.json(l)[.gz].

    The metadata of 2014 are in Python notation instead of JSON, which is read as well.

    >>> AmazonReader().read(Path("nowhere"), {})
    Traceback (most recent call last):
    polyrec.errors.DataError: no such data folder: received 'nowhere'; check data.path
    """

    example: ClassVar[Mapping[str, Any]] = {
        "reviews.jsonl": """{"reviewerID": "u1", "asin": "i1", "overall": 4.0}
{"reviewerID": "U1", "asin": "I1", "overall": 5.0}
{"reviewerID": "v", "asin": "j", "overall": 3.0}
"""
    }

    def read(self, path: Path, columns: Columns) -> SourceTables:
        """Return the tables of a folder with one file of reviews, or of the file itself."""
        folder = path.parent if path.is_file() else require_folder(path)
        files = [path] if path.is_file() else _files(folder, meta=False)
        if len(files) != 1:
            names = ", ".join(file.name for file in files) or "none"
            remedy = "set data.path to the file"
            raise DataError("one reviews file is required", received=names, remedy=remedy)
        events = self.table(files[0], loose=True)
        metas = _files(folder, meta=True)
        items = self.table(metas[0], loose=True) if metas else None
        usual = _EVENTS_2023 if "parent_asin" in events.frame.columns else _EVENTS_2014
        item_columns = {"item": usual["item"], "title": "title"}
        return source_tables(events, items, columns, usual=(usual, item_columns))


def _files(folder: Path, *, meta: bool) -> list[Path]:
    names = tuple(f"{suffix}{end}" for suffix in (".json", ".jsonl") for end in ("", ".gz", ".zst"))
    tables = [p for p in sorted(folder.iterdir()) if p.name.endswith(names)]
    return [p for p in tables if p.name.startswith("meta") == meta]
