"""Map the columns of files to our names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy.typing as npt
import polars as pl

from polyrec.data.frames import Table
from polyrec.data.item_metadata import METADATA_COLUMNS, USER_LABELS
from polyrec.errors import DataError, ErrorCollector, nearest
from polyrec.source_tables import SourceTables, TableSource

COLUMNS = ("user", "item", "time", "rating", "weight", "kind", "split", "title")
"""Our names of columns that readers use; `data.columns` maps them to those of the source."""

Columns = Mapping[str, str | Sequence[str]]
"""Our name -> the name in the source, or several, of which each file uses the first it has."""


def source_tables(
    events: Table,
    items: Table | None,
    columns: Columns,
    *,
    usual: tuple[Mapping[str, str], Mapping[str, str]],
    features: Mapping[str, Path | npt.NDArray[Any]] | None = None,
    users: Table | None = None,
) -> SourceTables:
    """Return the tables of a reader; `usual` are the names of its format, for both tables.

    Columns of `columns`, and `user` and `item`, must exist. A column may have several purposes.
    """
    errors = ErrorCollector()
    with errors.catch():
        event_names = map_columns(events, columns, usual[0])
    with errors.catch():
        item_names = {} if items is None else map_columns(items, columns, usual[1])
    with errors.catch():
        user_names = (
            {} if users is None else map_columns(users, columns, {"user": usual[0]["user"]})
        )
    with errors.catch():
        _check_keys(columns, usual, items)
    errors.raise_any()
    return SourceTables(
        events.frame.select(pl.col(column).alias(name) for name, column in event_names.items()),
        None if items is None else items.frame,
        features or {},
        event_source=replace(events.source, columns=event_names),
        item_source=TableSource() if items is None else replace(items.source, columns=item_names),
        users=None if users is None else users.frame,
        user_source=TableSource() if users is None else replace(users.source, columns=user_names),
        findings=tuple(f for table in (events, items, users) if table for f in table.findings),
        files=tuple(f for table in (events, items, users) if table for f in table.files),
    )


def map_columns(table: Table, columns: Columns, usual: Mapping[str, str]) -> dict[str, str]:
    """Return our name -> the table's, for the columns that exist."""
    file, known = table.source.file, table.frame.columns
    errors = ErrorCollector()
    chosen = {}
    for name, standard in usual.items():
        mapped = columns.get(name, standard)
        candidates = (mapped,) if isinstance(mapped, str) else mapped
        column = next((c for c in candidates if c in known), None)
        with errors.catch():
            if column is None and (name in columns or name in ("user", "item")):
                wanted = " or ".join(repr(c) for c in candidates)
                folded = {c.strip().casefold() for c in candidates}
                near = [repr(c) for c in known if c.strip().casefold() in folded]
                remedy = f"set data.columns.{name}" + "".join(f": {c}" for c in near[:1])
                raise DataError(f"{file} has no column {wanted} for the {name}",
                                received=", ".join(known), remedy=remedy)  # fmt: skip
            if column in table.duplicates:
                remedy = "give each column its own name"
                raise DataError(f"{file} has several columns {column!r}", received=column,
                                remedy=remedy)  # fmt: skip
        if column is not None:
            chosen[name] = column
    errors.raise_any()
    return chosen


def _check_keys(
    columns: Columns, usual: tuple[Mapping[str, str], Mapping[str, str]], items: Table | None
) -> None:
    """Raise `DataError` for unknown names, and for names of an items table without one."""
    for name in columns:
        if name not in (*COLUMNS, USER_LABELS):
            remedy = nearest(name, (*COLUMNS, *METADATA_COLUMNS, USER_LABELS))
            raise DataError("unknown data.columns key", received=name, remedy=remedy)
        if items is None and name in usual[1] and name not in usual[0]:
            what, remedy = f"no items table for data.columns.{name}", "add items, or drop the key"
            raise DataError(what, received=columns[name], remedy=remedy)
