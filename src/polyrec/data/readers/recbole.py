"""RecBole atomic files: tab-separated, with `name:type` headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from polyrec.config import DialectConfig
from polyrec.contracts import part
from polyrec.data.columns import to_text
from polyrec.data.frames import FileReader, Table, require_folder
from polyrec.data.item_metadata import USER_LABELS
from polyrec.data.naming import Columns, source_tables
from polyrec.data.readers.folder import EVENTS, ITEMS
from polyrec.data.validation import finding_for
from polyrec.errors import DataError
from polyrec.source_tables import SourceTables
from polyrec.types import Finding

_TYPES = ("token", "float", "token_seq", "float_seq")
TABS = DialectConfig(separator="\t", quote="")
"""The dialect of atomic files."""


@part
class RecBoleReader(FileReader):
    """Read NAME.inter and, if they exist, NAME.item and NAME.user.

    >>> RecBoleReader().read(Path("nowhere"), {})
    Traceback (most recent call last):
    polyrec.errors.DataError: no such data folder: received 'nowhere'; check data.path
    """

    example: ClassVar[Mapping[str, Any]] = {
        "x.inter": "user_id:token\titem_id:token\nu1\ti1\nU1\tI1\nv\tj\n",
        "x.item": "item_id:token\ttitle:token_seq\ni1\tOne\nI1\tTwo\nj\tThree\n",
    }

    def read(self, path: Path, columns: Columns) -> SourceTables:
        """Return the tables of the folder."""
        events = one_file(path, "*.inter")
        items, users = events.with_suffix(".item"), events.with_suffix(".user")
        read = {
            file: _atomic(self.table(file, suffix=".tsv", usual=TABS))
            for file in (events, items, *([users] if USER_LABELS in columns else []))
            if file.is_file()
        }
        return source_tables(read[events], read.get(items), columns, usual=(EVENTS, ITEMS),
                             users=read.get(users))  # fmt: skip


def one_file(folder: Path, pattern: str) -> Path:
    """Return the only file in a folder that matches a pattern."""
    files = sorted(require_folder(folder).glob(pattern))
    if len(files) != 1:
        names = ", ".join(path.name for path in files) or "none"
        raise DataError(f"one {pattern} file is required", received=names, remedy="check data.path")
    return files[0]


def _atomic(table: Table) -> Table:
    """Return a table whose column names have no types; all cells are text."""
    names = {}
    findings = list(table.findings)
    for column in table.frame.columns:
        name, colon, kind = column.partition(":")
        if not colon or kind not in _TYPES:
            raise DataError(
                f"{table.source.file} has no header of name:type",
                received=column[:80],
                remedy=f"types: {', '.join(_TYPES)}",
            )
        names[column] = name
        if kind == "float":
            findings += _check_numbers(table, column)
    return replace(table, frame=table.frame.rename(names), findings=tuple(findings))


def _check_numbers(table: Table, column: str) -> list[Finding]:
    """Return a finding on the cells of a float column that are not numbers."""
    cells = to_text(table.frame[column]).str.strip_chars()
    invalid = cells.is_not_null() & cells.cast(pl.Float64, strict=False).is_null()
    lines = (f"{cells[int(row)]!r} ({table.source.line(int(row))})" for row in invalid.arg_true())
    what = f"cells of {table.source.file}, column {column!r}, that are not numbers"
    return finding_for("note", what, lines, "they are an error if the column is used")
