"""Read files as tables, and give their columns our names."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from polyrec.errors import DataError, nearest

COLUMNS = ("user", "item", "time", "rating", "weight", "kind", "split", "title")
"""Our names of the columns that a reader renames (`data.columns`)."""


def read_table(path: Path, *, suffix: str = "", **options: Any) -> pl.DataFrame:
    """Return a parquet, csv, tsv or JSON-lines file, gzipped or not, as a table.

    `suffix` is its format if the file name does not show it.
    """
    suffix = suffix or next((s for s in reversed(path.suffixes) if s != ".gz"), "").lower()
    if suffix not in _READERS:
        remedy = f"use one of {', '.join(_READERS)}"
        raise DataError("unknown table format", received=path.name, remedy=remedy)
    if not path.is_file():
        raise DataError("no such file", received=str(path), remedy="check data.path")
    if path.stat().st_size == 0:
        raise DataError("the file is empty", received=path.name, remedy="export it again")
    try:
        source = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path
        return _READERS[suffix](source, **options)
    except (pl.exceptions.PolarsError, OSError, EOFError, UnicodeDecodeError) as error:
        first = str(error).strip().splitlines()[0][:200]
        remedy = "fix or export it again"
        raise DataError(f"{path.name} can't be read", received=first, remedy=remedy) from error


def _tsv(source: Any, **options: Any) -> pl.DataFrame:
    return pl.read_csv(source, separator="\t", **options)


_READERS: dict[str, Callable[..., pl.DataFrame]] = {
    ".parquet": pl.read_parquet,
    ".csv": pl.read_csv,
    ".tsv": _tsv,
    ".json": pl.read_ndjson,
    ".jsonl": pl.read_ndjson,
}


def find_table(folder: Path, stem: str) -> Path | None:
    """Return the file `stem.*` that is a table, or None."""
    paths = (folder / f"{stem}{suffix}" for suffix in _READERS)
    return next((path for path in paths if path.is_file()), None)


def require_folder(path: Path) -> Path:
    """Return `path` if it is a folder, or raise `DataError`."""
    if not path.is_dir():
        raise DataError("no such data folder", received=str(path), remedy="check data.path")
    return path


def rename_columns(
    table: pl.DataFrame, columns: Mapping[str, str], usual: Mapping[str, str], *, source: str
) -> pl.DataFrame:
    """Return a table with our column names.

    `columns` is the mapping of the config: these columns must exist. `usual` are the names of the
    format: of these, `user` and `item` must exist. All other columns keep their names.
    """
    for name in columns:
        if name not in COLUMNS:
            remedy = nearest(name, COLUMNS)
            raise DataError("unknown data.columns key", received=name, remedy=remedy)
    chosen = {**usual, **{name: columns[name] for name in usual if name in columns}}
    for name, column in chosen.items():
        required = name in columns or name in ("user", "item")
        if required and column not in table.columns:
            raise DataError(
                f"{source} has no column {column!r} for the {name}",
                received=", ".join(table.columns),
                remedy=f"set data.columns.{name}",
            )
    new_names = {column: name for name, column in chosen.items() if column in table.columns}
    return table.rename(new_names)


def parse_times(times: pl.Series) -> pl.Series:
    """Return times as integer seconds since 1970; text is parsed as ISO 8601."""
    if times.dtype == pl.String:
        parsed = times.cast(pl.Float64, strict=False)
        if parsed.null_count() > times.null_count():
            return parse_times(_dates(times))
        times = parsed
    if times.dtype == pl.Date or isinstance(times.dtype, pl.Datetime):
        return times.dt.epoch("s")
    if not times.dtype.is_numeric():
        remedy = "set data.columns.time"
        raise DataError("times are not numbers or dates", received=str(times.dtype), remedy=remedy)
    return times.cast(pl.Int64, strict=False)


def _dates(times: pl.Series) -> pl.Series:
    dates = times.str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
    invalid = times.filter(dates.is_null() & times.is_not_null())
    if len(invalid):
        what, remedy = f"{len(invalid):,} times can't be parsed", "use seconds or ISO 8601"
        raise DataError(what, received=invalid[0], remedy=remedy)
    return dates


def lists_to_text(table: pl.DataFrame) -> pl.DataFrame:
    """Return a table whose columns of lists are joined to text, to be used as content."""
    lists = [n for n, kind in table.schema.items() if kind in [pl.List(p) for p in _PLAIN]]
    joined = (pl.col(n).list.eval(pl.element().cast(pl.String)).list.join(", ") for n in lists)
    return table.with_columns(joined)


_PLAIN = (pl.String, pl.Int64, pl.Float64, pl.Boolean)
