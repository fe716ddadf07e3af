"""Categories, labels, prices, times and descriptions of items, from the columns that hold them.

A cell of several values is a list, a JSON list, or text with | between the values.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from polyrec.data.tables import parse_times
from polyrec.errors import DataError, nearest
from polyrec.types import ItemMetadata, id_problem

METADATA_COLUMNS = ("categories", "labels", "price", "added", "description")
"""The keys of `data.columns` that name columns of metadata."""

_BLANK = ItemMetadata()
_YEAR_2 = -62_100_000_000  # seconds; earlier is Go's zero time: no time

Columns = Mapping[str, str | Sequence[str]]


def catalog_metadata(
    items: pl.DataFrame | None, ready: Sequence[ItemMetadata], columns: Columns, total: int
) -> tuple[ItemMetadata, ...]:
    """Return the metadata of all items of a catalogue; empty where the source has none.

    Columns that the config names replace what the reader has `ready`.
    """
    named = {name: columns[name] for name in METADATA_COLUMNS if name in columns}
    table = pl.DataFrame() if items is None else items
    for name, column in columns.items():  # one that the reader renamed, the title say
        if name in table.columns and column not in table.columns:
            table = table.with_columns(pl.col(name).alias(str(column)))
    rows = read_metadata(table, named, ready) if named else list(ready)
    return tuple(rows + [_BLANK] * (total - len(rows))) if rows else ()


def read_metadata(
    items: pl.DataFrame, columns: Columns, ready: Sequence[ItemMetadata] = ()
) -> list[ItemMetadata]:
    """Return the metadata of each row; `columns` maps `METADATA_COLUMNS` to the table's own."""
    fields: dict[str, list[Any]] = {}
    for name, read in _READERS.items():
        if name in columns:
            fields[name] = read([_column(items, column) for column in _names(columns[name])])
    if "price" in columns:
        prices = _numbers(_column(items, _names(columns["price"])[0]))
        labels = fields.get("labels") or [row.labels for row in ready] or [None] * len(items)
        fields["labels"] = [_with_price(*pair) for pair in zip(labels, prices, strict=True)]
    rows = list(ready) or [_BLANK] * len(items)
    return [
        replace(row, **{name: values[number] for name, values in fields.items()})
        for number, row in enumerate(rows)
    ]


def _names(columns: str | Sequence[str]) -> Sequence[str]:
    return (columns,) if isinstance(columns, str) else columns


def _column(items: pl.DataFrame, name: str) -> pl.Series:
    if name not in items.columns:
        known = ", ".join(items.columns) or "no items table"
        remedy = nearest(name, items.columns)
        raise DataError(f"the items have no column {name!r}", received=known, remedy=remedy)
    return items[name]


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
    cells = zip(*columns, strict=True)
    return ["\n".join(str(cell) for cell in row if cell not in (None, "")) for row in cells]


def _added(columns: Sequence[pl.Series]) -> list[int | None]:
    seconds = parse_times(columns[0]).to_list()
    return [None if second is None or second < _YEAR_2 else second for second in seconds]


_READERS: Mapping[str, Callable[[Sequence[pl.Series]], list[Any]]] = {
    "categories": _categories,
    "labels": _labels,
    "added": _added,
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


def _numbers(column: pl.Series) -> list[float | None]:
    numbers = []
    for row, cell in enumerate(column):
        empty = cell is None or (isinstance(cell, str) and not cell.strip())
        number = None if empty else _number(cell)
        if number is None and not empty and not (isinstance(cell, float) and math.isnan(cell)):
            remedy = "write a number, or leave the cell empty"
            received = f"{cell!r} in row {row}"
            what = f"a cell of {column.name!r} is not a number"
            raise DataError(what, received=received, remedy=remedy)
        numbers.append(number)
    return numbers


def _number(cell: Any) -> float | None:
    try:
        number = float(cell)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _with_price(labels: Any, price: float | None) -> Any:
    if price is None:
        return labels
    if labels is None:
        return {"price": price}
    return {**(labels if isinstance(labels, dict) else {"": labels}), "price": price}
