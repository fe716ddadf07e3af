"""Read categories, labels, brands, numbers, times and descriptions of items from columns.

A cell of several values is a list, a JSON list, or text with | between the values.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from polyrec.config import DataConfig
from polyrec.data.columns import to_numbers, to_text
from polyrec.data.ids import catalogue_ids
from polyrec.data.times import parse_times
from polyrec.data.validation import finding_for
from polyrec.errors import DataError, nearest
from polyrec.source_tables import SourceTables, TableSource
from polyrec.types import Finding, ItemMetadata, id_problem

METADATA_COLUMNS = (
    "categories", "labels", "brand", "price", "numbers", "added", "description",
)  # fmt: skip
"""The keys of `data.columns` that name columns of metadata."""

USER_LABELS = "user_labels"
"""The key of `data.columns` that names columns of the users table."""

_BLANK = ItemMetadata()
UNNAMED_SOURCE = TableSource()
"""The source of a table that is from no file."""

Columns = Mapping[str, str | Sequence[str]]


def catalog_metadata(
    tables: SourceTables, config: DataConfig, total: int, findings: list[Finding]
) -> tuple[ItemMetadata, ...]:
    """Return the metadata of all items of a catalogue; empty if the source has none.

    Columns that the config names replace what the reader has ready.
    """
    columns = {k: v for k, v in config.columns.items() if k in METADATA_COLUMNS}
    rows = list(tables.metadata)
    if columns:
        items = pl.DataFrame() if tables.items is None else tables.items
        reader = MetadataReader(items, tables.item_source, config.time_format)
        rows = reader.read(columns, rows)
        findings += reader.findings
    return tuple(rows + [_BLANK] * (total - len(rows))) if rows else ()


def read_user_labels(
    tables: SourceTables, config: DataConfig, users: pl.Series, findings: list[Finding]
) -> tuple[Any, ...]:
    """Return the labels of each user; empty if the source has none."""
    labels = {**tables.user_labels, **_labels_by_id(tables, config.columns.get(USER_LABELS, ()))}
    ids = pl.Series(list(labels), dtype=pl.String)
    remedy = "their labels are dropped"
    findings += finding_for("note", "users without events", ids.filter(~ids.is_in(users.implode())),
                            remedy)  # fmt: skip
    return tuple(labels.get(user) for user in users) if labels else ()


def _labels_by_id(tables: SourceTables, names: Sequence[str]) -> dict[str, Any]:
    """Return user id -> labels, from columns of the users table."""
    if not names:
        return {}
    table, source = tables.users, tables.user_source
    unknown = list(names) if table is None else [n for n in names if n not in table.columns]
    if table is None or unknown:
        known = [] if table is None else table.columns
        remedy = "add users.csv, or set data.users" if table is None else nearest(unknown[0], known)
        raise DataError(f"the users have no column {unknown[0]!r}",
                        received=", ".join(known) or "no users table", remedy=remedy)  # fmt: skip
    ids = catalogue_ids(table[source.column("user")], source, "user")
    return dict(zip(ids, _labels([table[name] for name in names]), strict=True))


@dataclass
class MetadataReader:
    """Reads metadata from the columns of an items table."""

    items: pl.DataFrame
    source: TableSource = UNNAMED_SOURCE
    time_format: str | None = None
    findings: list[Finding] = field(default_factory=list)

    def read(self, columns: Columns, ready: Sequence[ItemMetadata] = ()) -> list[ItemMetadata]:
        """Return the metadata of each row; `columns` maps `METADATA_COLUMNS` to the table's."""
        series = {name: [self._column(c) for c in _names(columns[name])] for name in columns}
        fields: dict[str, list[Any]] = {
            name: read(series[name]) for name, read in _READERS.items() if name in series
        }
        if "added" in series:
            fields["added"] = self._times(series["added"][0])
        named = self._named_labels(series)
        if named:
            labels = fields.get("labels") or [row.labels for row in ready]
            fields["labels"] = [
                _with_labels(labels[row] if labels else None, {k: v[row] for k, v in named.items()})
                for row in range(len(self.items))
            ]
        return [
            replace(row, **{name: values[number] for name, values in fields.items()})
            for number, row in enumerate(list(ready) or [_BLANK] * len(self.items))
        ]

    def _column(self, name: str) -> pl.Series:
        if name not in self.items.columns:
            known = ", ".join(self.items.columns) or "no items table"
            remedy = nearest(name, self.items.columns)
            raise DataError(f"the items have no column {name!r}", received=known, remedy=remedy)
        return self.items[name]

    def _times(self, column: pl.Series) -> list[int | None]:
        """Return seconds; `data.time_format` is for times that are ambiguous without it."""
        source = replace(self.source, columns={"time": column.name})
        try:
            seconds, findings = parse_times(column, source)
        except DataError:
            if self.time_format is None:
                raise
            seconds, findings = parse_times(column, source, self.time_format)
        self.findings += findings
        return seconds.to_list()

    def _named_labels(self, series: Mapping[str, Sequence[pl.Series]]) -> dict[str, list[Any]]:
        """Return label -> the (n,) cells of brand, price and the other numbers."""
        named: dict[str, list[Any]] = {}
        if "brand" in series:
            named["brand"] = to_text(series["brand"][0]).to_list()
        if "price" in series:
            named["price"] = self._numbers(series["price"][0])
        for column in series.get("numbers", ()):
            named[column.name] = self._numbers(column)
        return named

    def _numbers(self, column: pl.Series) -> list[float | None]:
        numbers, findings = to_numbers(column, self.source, column.name)
        self.findings += findings
        return numbers.to_list()


def _names(columns: str | Sequence[str]) -> Sequence[str]:
    return (columns,) if isinstance(columns, str) else columns


def _categories(columns: Sequence[pl.Series]) -> list[tuple[str, ...]]:
    rows = [
        tuple(dict.fromkeys(value for cell in cells for value in _values(cell)))
        for cells in zip(*columns, strict=True)
    ]
    for name in dict.fromkeys(name for row in rows for name in row):
        problem = id_problem(name)
        if problem is not None:
            raise DataError("an invalid category", received=name[:80], remedy=problem)
    return rows


def _labels(columns: Sequence[pl.Series]) -> list[Any]:
    """Return the labels of each row: JSON as it is, other values under the column's name."""
    if len(columns) == 1 and columns[0].name.lower() == "labels":
        return [_parsed(cell) for cell in columns[0]]
    parsed = [_label_cells(column) for column in columns]
    rows = [
        {key: value for labels in cells for key, value in labels.items()}
        for cells in zip(*parsed, strict=True)
    ]
    return [row or None for row in rows]


def _label_cells(column: pl.Series) -> list[dict[str, Any]]:
    cells = [_parsed(cell) for cell in column]
    numbers = [_number(cell) for cell in cells if isinstance(cell, str)]
    if numbers and all(number is not None for number in numbers):
        cells = [_number(cell) if isinstance(cell, str) else cell for cell in cells]
    return [
        cell if isinstance(cell, dict) else {} if cell in (None, []) else {column.name: cell}
        for cell in cells
    ]


def _descriptions(columns: Sequence[pl.Series]) -> list[str]:
    cells = zip(*map(to_text, columns), strict=True)
    return ["\n".join(cell for cell in row if cell) for row in cells]


_READERS: Mapping[str, Callable[[Sequence[pl.Series]], list[Any]]] = {
    "categories": _categories,
    "labels": _labels,
    "description": _descriptions,
}


def _parsed(cell: Any) -> Any:
    """Return a cell as JSON values: a mapping, a list of texts, a number, a text, or None."""
    if isinstance(cell, str) and cell.strip()[:1] in ("{", "["):
        try:
            cell = json.loads(cell)
        except ValueError:  # text that begins with a bracket
            return cell.strip()
    if isinstance(cell, str):
        parts = [part.strip() for part in cell.split("|")]
        return [part for part in parts if part] if len(parts) > 1 else parts[0] or None
    return _plain(cell)


def _plain(cell: Any) -> Any:
    """Return a cell as JSON, without what is null: polars gives a mapping the keys of all rows."""
    if isinstance(cell, dict):
        pairs = {key: _plain(value) for key, value in cell.items()}
        return {key: value for key, value in pairs.items() if value is not None} or None
    if isinstance(cell, list | pl.Series):
        return [value for value in map(_plain, cell) if value is not None]
    if isinstance(cell, float) and not math.isfinite(cell):
        return None
    return cell if cell is None or isinstance(cell, str | bool | int | float) else str(cell)


def _values(cell: Any) -> list[str]:
    parsed = _parsed(cell)
    values = parsed if isinstance(parsed, list) else [] if parsed is None else [parsed]
    return [text for value in values if value is not None and (text := str(value).strip())]


def _number(cell: str) -> int | float | None:
    """Return a number in its usual form; "007" is text."""
    if re.fullmatch("-?(0|[1-9][0-9]{0,17})", cell):
        return int(cell)
    return float(cell) if re.fullmatch(r"-?(0|[1-9][0-9]*)\.[0-9]+", cell) else None


def _with_labels(labels: Any, more: Mapping[str, Any]) -> Any:
    """Return labels with further ones that are not None; labels without names keep the name ""."""
    more = {name: value for name, value in more.items() if value is not None}
    if not more:
        return labels
    old = labels if isinstance(labels, dict) else {} if labels is None else {"": labels}
    return {**old, **more}
