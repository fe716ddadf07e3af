"""Tables as a reader returns them, and where their cells come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt
import polars as pl

from polyrec.types import Finding, ItemMetadata, Raw


def _row_number(row: int) -> str:
    return f"row {row + 1}"


@dataclass(frozen=True)
class TableSource:
    """The origin of a table, for messages that name a file, a line and a column.

    >>> TableSource("orders.csv", {"time": "ordered"}).cell("time", 3)
    "orders.csv row 4, column 'ordered'"
    """

    file: str = "the table"
    columns: Mapping[str, str] = field(default_factory=dict)  # our name -> the file's
    line: Callable[[int], str] = _row_number  # row, from 0 -> "line 17"
    decimal: str = ""  # mark in numbers, "" to detect it

    def column(self, name: str) -> str:
        """Return the file's name of a column."""
        return self.columns.get(name, name)

    def cell(self, name: str, row: int) -> str:
        """Return the location of a cell."""
        return f"{self.file} {self.line(row)}, column {self.column(name)!r}"


@dataclass(frozen=True)
class SourceTables:
    """Events and items as a reader returns them; cells are as in the files.

    `events`: user, item, and if the source has them time, rating, weight, kind, split. `items`: the
    columns of the source, of which `item_source` names those for item and title; row i is row i of
    each feature, and of each of the `contents` and the `metadata`, if the source has them ready
    instead of naming columns. `users`: columns of a table of users, of which `user_source` names
    that for user; `user_labels` (id -> JSON) if they are ready. `files` describes what was read,
    for `polyrec check`.
    """

    events: pl.DataFrame
    items: pl.DataFrame | None = None
    features: Mapping[str, Path | npt.NDArray[Any]] = field(default_factory=dict)
    contents: Mapping[str, Sequence[Raw | None]] = field(default_factory=dict)
    metadata: Sequence[ItemMetadata] = ()
    event_source: TableSource = TableSource()
    item_source: TableSource = TableSource()
    users: pl.DataFrame | None = None
    user_source: TableSource = TableSource()
    user_labels: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    files: tuple[Mapping[str, Any], ...] = ()
