"""Gorse's export: users, items and feedback as JSON lines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from polyrec.contracts import BasePart, part
from polyrec.data.item_metadata import read_metadata
from polyrec.data.tables import (
    find_table,
    lists_to_text,
    read_table,
    rename_columns,
    require_folder,
)
from polyrec.errors import DataError
from polyrec.types import SourceTables

_EVENTS = {"user": "UserId", "item": "ItemId", "kind": "FeedbackType", "time": "Timestamp"}
_ITEMS = {"item": "ItemId", "title": "Comment"}
_METADATA = {"categories": "Categories", "labels": "Labels", "added": "Timestamp"}


@part
class GorseReader(BasePart):
    """Read feedback.jsonl and, if it exists, items.jsonl; hidden items are dropped.

    >>> GorseReader().read(Path("nowhere"), {})
    Traceback (most recent call last):
    polyrec.errors.DataError: no such data folder: received 'nowhere'; check data.path
    """

    example: ClassVar[Mapping[str, Any]] = {
        "feedback.jsonl": """{"FeedbackType": "like", "UserId": "u1", "ItemId": "i1"}
{"FeedbackType": "like", "UserId": "U1", "ItemId": "I1"}
{"FeedbackType": "like", "UserId": "v", "ItemId": "j"}
"""
    }

    def read(self, path: Path, columns: Mapping[str, str]) -> SourceTables:
        """Return the tables of the folder."""
        feedback = find_table(require_folder(path), "feedback")
        if feedback is None:
            raise DataError("no feedback.jsonl", received=str(path), remedy="export it")
        events = rename_columns(read_table(feedback), columns, _EVENTS, source=feedback.name)
        file = find_table(path, "items")
        if file is None:
            return SourceTables(events)
        items = read_table(file)
        if "IsHidden" in items.columns:
            hidden = items.filter(pl.col("IsHidden"))["ItemId"]
            items = items.filter(~pl.col("IsHidden"))
            events = events.filter(~pl.col("item").is_in(hidden.implode()))
        present = {name: column for name, column in _METADATA.items() if column in items.columns}
        return SourceTables(
            events,
            rename_columns(lists_to_text(items), columns, _ITEMS, source=file.name),
            metadata=read_metadata(items, present),
        )
