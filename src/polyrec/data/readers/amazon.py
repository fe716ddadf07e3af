"""Amazon reviews and product metadata as JSON lines, of 2014 and of 2023."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from polyrec.contracts import BasePart, part
from polyrec.data.tables import lists_to_text, read_table, rename_columns, require_folder
from polyrec.errors import DataError
from polyrec.types import SourceTables

_EVENTS_2014 = {
    "user": "reviewerID", "item": "asin", "rating": "overall", "time": "unixReviewTime",
}  # fmt: skip
_EVENTS_2023 = {
    "user": "user_id", "item": "parent_asin", "rating": "rating", "time": "timestamp",
}  # fmt: skip


@part
class AmazonReader(BasePart):
    """Read reviews*.json(l)[.gz] and, if it exists, meta*.json(l)[.gz].

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

    def read(self, path: Path, columns: Mapping[str, str]) -> SourceTables:
        """Return the tables of a folder with one file of reviews, or of the file itself."""
        folder = path.parent if path.is_file() else require_folder(path)
        files = [path] if path.is_file() else _files(folder, meta=False)
        if len(files) != 1:
            names = ", ".join(file.name for file in files) or "none"
            remedy = "set data.path to the file"
            raise DataError("one reviews file is required", received=names, remedy=remedy)
        reviews = read_table(files[0])
        modern = "parent_asin" in reviews.columns
        usual = _EVENTS_2023 if modern else _EVENTS_2014
        events = rename_columns(reviews, columns, usual, source=files[0].name)
        if modern and "time" in events.columns:
            events = events.with_columns(pl.col("time") // 1000)  # milliseconds in 2023
        metas = _files(folder, meta=True)
        items = lists_to_text(read_table(metas[0])) if metas else None
        item_columns = {"item": usual["item"], "title": "title"}
        return SourceTables(
            events.select(c for c in events.columns if c in ("user", "item", "rating", "time")),
            None
            if items is None
            else rename_columns(items, columns, item_columns, source=metas[0].name),
        )


def _files(folder: Path, *, meta: bool) -> list[Path]:
    names = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
    tables = [p for p in sorted(folder.iterdir()) if p.name.endswith(names)]
    return [p for p in tables if p.name.startswith("meta") == meta]
