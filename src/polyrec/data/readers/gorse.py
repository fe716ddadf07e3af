"""Gorse's export: users, items and feedback as JSON lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from polyrec.contracts import part
from polyrec.data.columns import filter_rows, to_text
from polyrec.data.frames import FileReader, find_table, require_folder
from polyrec.data.item_metadata import MetadataReader
from polyrec.data.naming import Columns, source_tables
from polyrec.data.validation import finding_for
from polyrec.errors import DataError
from polyrec.source_tables import SourceTables

_EVENTS = {"user": "UserId", "item": "ItemId", "kind": "FeedbackType", "time": "Timestamp"}
_ITEMS = {"item": "ItemId", "title": "Comment"}
_METADATA = {"categories": "Categories", "labels": "Labels", "added": "Timestamp"}


@part
class GorseReader(FileReader):
    """Read feedback.jsonl and, if they exist, items.jsonl and users.jsonl.

    Hidden items are dropped.

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

    def read(self, path: Path, columns: Columns) -> SourceTables:
        """Return the tables of the folder."""
        feedback = find_table(require_folder(path), "feedback")
        if feedback is None:
            raise DataError("no feedback.jsonl", received=str(path), remedy="export it")
        file, user_file = find_table(path, "items"), find_table(path, "users")
        items = None if file is None else self.table(file)
        tables = source_tables(self.table(feedback), items, columns, usual=(_EVENTS, _ITEMS))
        tables = _drop_hidden(tables)
        if user_file is not None:
            tables = replace(tables, user_labels=_user_labels(self.table(user_file).frame))
        if tables.items is None:
            return tables
        present = {name: c for name, c in _METADATA.items() if c in tables.items.columns}
        reader = MetadataReader(tables.items, tables.item_source)
        metadata = reader.read(present)
        return replace(tables, metadata=metadata, findings=(*tables.findings, *reader.findings))


def _user_labels(users: pl.DataFrame) -> dict[str, Any]:
    """Return user id -> labels of an export's users."""
    if not {"UserId", "Labels"} <= set(users.columns):
        return {}
    rows = MetadataReader(users).read({"labels": "Labels"})
    pairs = zip(users["UserId"], (row.labels for row in rows), strict=True)
    return {user: labels for user, labels in pairs if user is not None and labels is not None}


def _drop_hidden(tables: SourceTables) -> SourceTables:
    """Return the tables without hidden items and their events, with findings on both."""
    if tables.items is None or "IsHidden" not in tables.items.columns:
        return tables
    hidden = (to_text(tables.items["IsHidden"]) == "true").fill_null(value=False)
    ids = tables.items[tables.item_source.column("item")].filter(hidden)
    is_hidden = tables.events["item"].is_in(ids.implode()).fill_null(value=False)
    items, item_source = filter_rows(tables.items, tables.item_source, ~hidden)
    events, event_source = filter_rows(tables.events, tables.event_source, ~is_hidden)
    findings = (
        *finding_for("note", "hidden items", ids, "they are dropped"),
        *finding_for("note", "events of hidden items", is_hidden.arg_true(), "they are dropped"),
    )
    return replace(
        tables, items=items, item_source=item_source, events=events, event_source=event_source,
        findings=tables.findings + findings,
    )  # fmt: skip
