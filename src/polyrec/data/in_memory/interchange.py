"""Read the dataframe interchange protocol (Python data API standard, version 0).

https://data-apis.org/dataframe-protocol/latest/API.html
"""

from __future__ import annotations

import ctypes
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl


class _Kind(IntEnum):
    INT = 0
    UINT = 1
    FLOAT = 2
    BOOL = 20
    STRING = 21
    DATETIME = 22
    CATEGORICAL = 23


class _Nulls(IntEnum):
    NONE = 0
    NAN = 1
    SENTINEL = 2
    BITS = 3
    BYTES = 4


_NUMPY_KINDS = {_Kind.INT: "i", _Kind.UINT: "u", _Kind.FLOAT: "f", _Kind.BOOL: "u"}
_UNITS = {"s": 10**6, "m": 10**3, "u": 1, "n": 1}  # microseconds, but for n


def read_interchange(frame: Any) -> pl.DataFrame:
    """Return what `__dataframe__` gave; a column of an unknown kind raises `TypeError`."""
    names = list(frame.column_names())
    chunks = [
        pl.DataFrame([_column(name, chunk.get_column_by_name(name)) for name in names])
        for chunk in frame.get_chunks()
    ]
    return pl.concat(chunks, how="vertical_relaxed") if chunks else pl.DataFrame()


def _column(name: str, column: Any) -> pl.Series:
    kind, bits, layout, _ = column.dtype
    if kind == _Kind.CATEGORICAL:
        return _categories(name, column)
    buffers = column.get_buffers()
    size, offset = column.size(), column.offset
    if kind == _Kind.STRING:
        cells = pl.Series(name, _strings(buffers, size, offset), dtype=pl.String)
    elif kind == _Kind.DATETIME:
        cells = _times(name, _array(buffers["data"], "i8", size, offset), layout)
    elif kind == _Kind.BOOL and bits == 1:
        cells = pl.Series(name, _bits(buffers["data"], size, offset))
    elif kind in _NUMPY_KINDS:
        code = f"{_NUMPY_KINDS[kind]}{bits // 8}"
        cells = pl.Series(name, _array(buffers["data"], code, size, offset).copy())
        cells = cells.cast(pl.Boolean) if kind == _Kind.BOOL else cells
    else:
        raise TypeError(f"column {name!r} is of kind {kind}")
    return _with_nulls(cells, _missing(column, buffers))


def _with_nulls(cells: pl.Series, missing: npt.NDArray[np.bool_]) -> pl.Series:
    return pl.select(pl.when(~pl.Series(missing)).then(cells)).to_series().alias(cells.name)


def _categories(name: str, column: Any) -> pl.Series:
    """Return the categories of a column's codes as their own values."""
    buffers = column.get_buffers()
    codes, (_, bits, *_) = buffers["data"], buffers["data"][1]
    rows = _array(codes, f"i{bits // 8}", column.size(), column.offset)
    categories = column.describe_categorical["categories"]
    values = _column(name, categories)
    missing = _missing(column, buffers) | (rows < 0)
    return _with_nulls(values.gather(np.where(missing, 0, rows)), missing)


def _missing(column: Any, buffers: Any) -> npt.NDArray[np.bool_]:
    """Return a mask of the cells without a value."""
    how, value = column.describe_null
    size, offset = column.size(), column.offset
    if how == _Nulls.BITS:
        return np.asarray(_bits(buffers["validity"], size, offset) == bool(value))
    if how == _Nulls.BYTES:
        return np.asarray(_array(buffers["validity"], "u1", size, offset) == value)
    if how in (_Nulls.NAN, _Nulls.SENTINEL) and column.dtype[0] != _Kind.STRING:
        _, bits, *_ = buffers["data"][1]
        code = "f" if how == _Nulls.NAN else "i"
        cells = _array(buffers["data"], f"{code}{bits // 8}", size, offset)
        return np.asarray(np.isnan(cells) if how == _Nulls.NAN else cells == value)
    return np.zeros(size, bool)


def _strings(buffers: Any, size: int, offset: int) -> list[str]:
    """Return UTF-8 texts; what is missing is empty here."""
    _, bits, *_ = buffers["offsets"][1]
    ends = _array(buffers["offsets"], f"i{bits // 8}", size + 1, offset)
    data = _bytes(buffers["data"][0])
    return [data[a:b].decode() for a, b in zip(ends.tolist(), ends[1:].tolist(), strict=False)]


def _times(name: str, ticks: npt.NDArray[Any], layout: str) -> pl.Series:
    """Return times; the layout is tss:, tsm:, tsu: or tsn: and a zone, or tdD for days."""
    if layout == "tdD":
        return pl.Series(name, ticks.astype("datetime64[D]"))
    unit = layout[2]
    if unit == "n":
        return pl.Series(name, ticks.astype("datetime64[ns]"))
    return pl.Series(name, (ticks * _UNITS[unit]).astype("datetime64[us]"))


def _array(entry: Any, code: str, size: int, offset: int) -> npt.NDArray[Any]:
    buffer, _ = entry
    return np.frombuffer(_bytes(buffer), np.dtype(code))[offset : offset + size]


def _bits(entry: Any, size: int, offset: int) -> npt.NDArray[np.bool_]:
    buffer, _ = entry
    bits = np.unpackbits(np.frombuffer(_bytes(buffer), np.uint8), bitorder="little")
    return bits[offset : offset + size].astype(bool)


def _bytes(buffer: Any) -> bytes:
    """Return a copy of a buffer."""
    return ctypes.string_at(buffer.ptr, buffer.bufsize) if buffer.bufsize else b""
