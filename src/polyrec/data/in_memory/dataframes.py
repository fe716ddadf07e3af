"""Convert frames of other libraries to polars; cells keep their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import numpy as np
import polars as pl

from polyrec.data.in_memory.interchange import read_interchange
from polyrec.errors import DataError

_REMEDY = "give a polars or pandas frame, or one with the dataframe interchange protocol"
_NO_VALUE = (type(None), float, np.floating)  # of these, None and NaN are no values
_NO_VALUE_NAMES = ("NaTType", "NAType")  # of pandas


def to_polars_frame(frame: Any, name: str) -> tuple[pl.DataFrame, frozenset[str]]:
    """Return a frame of any library as a polars frame, and the names that several columns have.

    `name` is the argument, for errors. Of columns with one name, the first is returned.
    """
    if type(frame).__module__.partition(".")[0] == "pandas":
        return _from_pandas(frame, name)
    try:
        for can_read, read in _READERS:
            if can_read(frame):
                return read(frame), frozenset()
    except (pl.exceptions.PolarsError, TypeError, ValueError, NotImplementedError) as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise DataError(f"{name}= can't be read", received=reason, remedy=_REMEDY) from error
    _refuse(frame, name, _REMEDY)


def to_series(name: str, values: Sequence[Any]) -> pl.Series:
    """Return Python objects as a column; None, NaN, and pandas' NaT and NA are null.

    Integers among texts become their digits. Other mixtures of types stay objects: they are text
    where text is needed, and refused as ids, times and numbers.

    >>> to_series("sku", ["007", 7, float("nan")]).to_list()
    ['007', '7', None]
    """
    kinds = set(map(type, values))
    if any(issubclass(k, _NO_VALUE) or k.__name__ in _NO_VALUE_NAMES for k in kinds):
        values = [None if value is None or _is_nan(value) else value for value in values]
        kinds = set(map(type, values)) - {type(None)}
    if kinds and all(issubclass(kind, datetime) for kind in kinds):
        return _times(name, values)
    texts = {kind for kind in kinds if issubclass(kind, str)}
    if texts and all(_is_integer(kind) for kind in kinds - texts):
        cells = values if kinds == {str} else [v if v is None else str(v) for v in values]
        return pl.Series(name, cells, dtype=pl.String)
    try:
        return pl.Series(name, values)
    except (TypeError, OverflowError, pl.exceptions.PolarsError):
        is_number = all(issubclass(kind, int | float | np.number) for kind in kinds)
        return pl.Series(name, values, dtype=pl.Float64 if is_number else pl.Object, strict=False)


def _is_nan(value: Any) -> bool:
    if type(value).__name__ in _NO_VALUE_NAMES:
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _is_integer(kind: type) -> bool:
    return issubclass(kind, int | np.integer) and not issubclass(kind, bool)


def _times(name: str, values: Sequence[datetime | None]) -> pl.Series:
    """Return times in UTC; those without a zone are in UTC."""
    utc = [v.astimezone(UTC).replace(tzinfo=None) if v and v.tzinfo else v for v in values]
    return pl.Series(name, utc, dtype=pl.Datetime("us"))


def _from_pandas(frame: Any, name: str) -> tuple[pl.DataFrame, frozenset[str]]:
    """Return the columns of a pandas frame; its index plays no part."""
    if type(frame).__name__ == "Series":
        _refuse(frame, name, "write series.to_frame(), or series.reset_index()")
    columns: dict[str, pl.Series] = {}
    repeated = set()
    for position, label in enumerate(frame.columns):
        column = str(label)
        if column in columns:
            repeated.add(column)
        else:
            columns[column] = _pandas_column(column, frame.iloc[:, position])
    return pl.DataFrame(columns), frozenset(repeated)


def _pandas_column(name: str, series: Any) -> pl.Series:
    kind = series.dtype
    if isinstance(kind, np.dtype) and kind.kind in "biuf":
        return pl.Series(name, series.to_numpy())
    if isinstance(kind, np.dtype) and kind.kind == "M":
        return pl.Series(name, series.to_numpy().astype("datetime64[us]"))
    if type(kind).__name__ == "DatetimeTZDtype":
        utc = series.dt.tz_convert("UTC").dt.tz_localize(None)
        return pl.Series(name, utc.to_numpy().astype("datetime64[us]"))
    return to_series(name, series.tolist())


def _refuse(frame: Any, name: str, remedy: str) -> NoReturn:
    raise DataError(f"{name}= is no frame", received=type(frame).__name__, remedy=remedy)


def _from_mapping(columns: Mapping[str, Any]) -> pl.DataFrame:
    return pl.DataFrame({name: to_series(name, list(cells)) for name, cells in columns.items()})


_READERS: tuple[tuple[Callable[[Any], bool], Callable[[Any], pl.DataFrame]], ...] = (
    (lambda frame: isinstance(frame, pl.DataFrame), lambda frame: frame),
    (lambda frame: isinstance(frame, pl.LazyFrame), lambda frame: frame.collect()),
    (lambda frame: isinstance(frame, Mapping), _from_mapping),
    (lambda frame: hasattr(frame, "__arrow_c_stream__"), pl.DataFrame),
    (lambda frame: hasattr(frame, "__dataframe__"), lambda f: read_interchange(f.__dataframe__())),
)
"""Whether a frame has a protocol, and how it is read by it; the first that fits is used."""
