"""Amazon reviews and product metadata as JSON lines, of 2014 and of 2023."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from polyrec.contracts import BasePart, part
from polyrec.data.tables import lists_to_text, need_folder, read_table, rename
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
    """Read reviews*.json(l)[.gz] and, where it is there, meta*.json(l)[.gz].

    >>> AmazonReader().read(Path("nowhere"), {})
    Traceback (most recent call last):
    polyrec.errors.DataError: no data folder here: received 'nowhere'; check data.path
    """

    example: ClassVar[Mapping[str, Any]] = {
        "reviews.jsonl": """{"reviewerID": "u1", "asin": "i1", "overall": 4.0}
{"reviewerID": "U1", "asin": "I1", "overall": 5.0}
{"reviewerID": "v", "asin": "j", "overall": 3.0}
"""
    }

    def read(self, path: Path, columns: Mapping[str, str]) -> SourceTables:
        """Return the tables of a folder with one file of reviews, or of the file itself."""
        folder = path.parent if path.is_file() else need_folder(path)
        found = [path] if path.is_file() else _files(folder, meta=False)
        if len(found) != 1:
            names = ", ".join(file.name for file in found) or "none"
            raise DataError("one file of reviews is needed", received=names, remedy="name it")
        reviews = read_table(found[0])
        modern = "parent_asin" in reviews.columns
        usual = _EVENTS_2023 if modern else _EVENTS_2014
        events = rename(reviews, columns, usual, source=found[0].name)
        if modern and "time" in events.columns:
            events = events.with_columns(pl.col("time") // 1000)  # 2023 counts milliseconds
        metas = _files(folder, meta=True)
        items = lists_to_text(read_table(metas[0])) if metas else None
        called = {"item": usual["item"], "title": "title"}
        return SourceTables(
            events.select(c for c in events.columns if c in ("user", "item", "rating", "time")),
            None if items is None else rename(items, columns, called, source=metas[0].name),
        )


def _files(folder: Path, *, meta: bool) -> list[Path]:
    names = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
    tables = [p for p in sorted(folder.iterdir()) if p.name.endswith(names)]
    return [p for p in tables if p.name.startswith("meta") == meta]
