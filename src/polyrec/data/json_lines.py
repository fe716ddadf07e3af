"""Read JSON lines: numbers keep their digits, lists stay lists."""

from __future__ import annotations

import ast
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from polyrec.data.validation import finding_for
from polyrec.errors import DataError
from polyrec.types import Finding

_RECORDS = 1 << 15  # per frame


class _Digits(str):
    """A number as it is written."""

    __slots__ = ()


class _Json(str):
    """An object, as JSON."""

    __slots__ = ()


_SURROGATE = re.compile("[\ud800-\udfff]")
_CONSTANTS = {"NaN": None, "Infinity": "inf", "-Infinity": "-inf"}
_DECODER = json.JSONDecoder(
    parse_int=_Digits, parse_float=_Digits, parse_constant=_CONSTANTS.__getitem__
)


def read_json_lines(
    data: bytes, *, file: str, loose: bool = False
) -> tuple[pl.DataFrame, Callable[[int], str], list[Finding]]:
    """Return the objects of UTF-8 text as a table, the line of each row, and findings.

    Each key of any object is a column. Cells are text as in the file (true, false; objects as
    JSON) or lists of text; null and NaN are null. The file may also be one array. `loose` accepts
    Python notation, too, as in the Amazon product data of 2014.
    """
    lines: list[int] = []
    frames: list[pl.DataFrame] = []
    records: list[Mapping[str, Any]] = []
    damaged: list[str] = []
    is_array = data.lstrip()[:1] == b"["
    for line, record in _entries(data, file) if is_array else _lines(data, file, loose=loose):
        lines.append(line)
        records.append(record)
        if len(records) == _RECORDS:
            frames.append(_frame(records, damaged))
            records = []
    frames.append(_frame(records, damaged))
    word = "entry" if is_array else "line"
    findings = finding_for(
        "warning", f"unpaired surrogates in {file}", damaged, "they are read as U+FFFD"
    )
    return _concat(frames), lambda row: f"{word} {lines[row]}", findings


def _lines(data: bytes, file: str, *, loose: bool) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the object of each line that is not empty, with the line number."""
    for line, raw in enumerate(io.BytesIO(data), start=1):
        text = raw.decode().strip()
        if not text:
            continue
        try:
            record = _DECODER.decode(text)
        except (ValueError, RecursionError, KeyError):
            record = _literal(text) if loose else None
        if not isinstance(record, dict):
            raise _not_an_object(f"{file} line {line}", text)
        yield line, record


def _entries(data: bytes, file: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the objects of an array, with their position from 1."""
    try:
        records = _DECODER.decode(data.decode())
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        received = data.split(b"\n")[line - 1][:80].decode(errors="replace")
        raise _not_an_object(f"{file} line {line}", received) from error
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict):
            raise _not_an_object(f"{file} entry {number}", str(record))
        yield number, record


def _literal(text: str) -> object:
    """Return the value of text in Python notation, None if it has none."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def _not_an_object(where: str, received: str) -> DataError:
    remedy = "write one object per line: {...}"
    return DataError(f"{where} is not a JSON object", received=received[:80], remedy=remedy)


def _frame(records: Sequence[Mapping[str, Any]], damaged: list[str]) -> pl.DataFrame:
    names = {name: None for record in records for name in record}
    return pl.DataFrame(
        [_column(name, [_cell(record.get(name)) for record in records], damaged) for name in names]
    )


def _cell(value: Any) -> str | list[str | None] | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        cells = (_cell(item) for item in value)
        return [", ".join(filter(None, c)) if isinstance(c, list) else c for c in cells]
    if isinstance(value, dict):
        return _Json(json.dumps(_numeric(value), ensure_ascii=False))
    return None if value != value else str(value)


def _numeric(value: Any) -> Any:
    """Return an object with numbers in place of their digits."""
    if isinstance(value, dict):
        return {key: _numeric(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numeric(item) for item in value]
    return json.loads(value) if isinstance(value, _Digits) else value


def _column(name: str, cells: list[Any], damaged: list[str]) -> pl.Series:
    """Return lists if any cell is a list, else text; beside objects, lists are JSON as well."""
    lists = any(isinstance(cell, list) for cell in cells)
    if lists and any(isinstance(cell, _Json) for cell in cells):
        cells = [json.dumps(c, ensure_ascii=False) if isinstance(c, list) else c for c in cells]
        lists = False
    if lists:
        cells = [cell if cell is None or isinstance(cell, list) else [cell] for cell in cells]
    try:
        return pl.Series(name, cells, pl.List(pl.String) if lists else pl.String)
    except UnicodeEncodeError:
        damaged.append(f"column {name!r}")
        return _column(name, [_repaired(cell) for cell in cells], damaged)


def _repaired(cell: Any) -> Any:
    if isinstance(cell, list):
        return [_repaired(item) for item in cell]
    return cell if cell is None else _SURROGATE.sub("\ufffd", cell)


def _concat(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return frames below each other; text becomes lists if another frame has lists."""
    lists = {name for frame in frames for name, kind in frame.schema.items() if kind != pl.String}
    return pl.concat(
        [
            frame.with_columns(
                pl.concat_list(name)
                for name, kind in frame.schema.items()
                if name in lists and kind == pl.String
            )
            for frame in frames
        ],
        how="diagonal",
    )
