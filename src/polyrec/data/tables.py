"""What every reader returns, and how a file becomes a table with known columns."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from polyrec.errors import DataError, nearest

NAMES = ("user", "item", "time", "rating", "weight", "kind", "split", "title")
"""Our names of columns; `data.columns` maps them to the source's."""


def read_table(path: Path, *, suffix: str = "", **options: Any) -> pl.DataFrame:
    """Return a parquet, csv, tsv or JSON-lines file, gzipped or not, as a table.

    `suffix` says what it is where the name does not.
    """
    suffix = suffix or next((s for s in reversed(path.suffixes) if s != ".gz"), "").lower()
    if suffix not in _READERS:
        remedy = f"use one of {', '.join(_READERS)}"
        raise DataError("unknown kind of table", received=path.name, remedy=remedy)
    if not path.is_file():
        raise DataError("no file here", received=str(path), remedy="check data.path")
    if path.stat().st_size == 0:
        raise DataError("an empty file", received=path.name, remedy="export it again")
    try:
        source = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path
        return _READERS[suffix](source, **options)
    except (pl.exceptions.PolarsError, OSError, EOFError, UnicodeDecodeError) as error:
        first = str(error).strip().splitlines()[0][:200]
        raise DataError(f"{path.name} can't be read", received=first, remedy="mend it") from error


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
    """Return the one file `stem.*` that holds a table, or None."""
    found = [folder / f"{stem}{suffix}" for suffix in _READERS]
    return next((path for path in found if path.is_file()), None)


def need_folder(path: Path) -> Path:
    """Return `path`, or say that no folder is there."""
    if not path.is_dir():
        raise DataError("no data folder here", received=str(path), remedy="check data.path")
    return path


def rename(
    table: pl.DataFrame, columns: Mapping[str, str], usual: Mapping[str, str], *, source: str
) -> pl.DataFrame:
    """Return a table under our column names.

    `columns` is what the config maps (it must be there); `usual` is what the format calls them
    (`user` and `item` must be there, where it has them). All other columns keep their names.
    """
    for name in columns:
        if name not in NAMES:
            raise DataError("unknown data.columns key", received=name, remedy=nearest(name, NAMES))
    chosen = {**usual, **{name: columns[name] for name in usual if name in columns}}
    for name, column in chosen.items():
        needed = name in columns or name in ("user", "item")
        if needed and column not in table.columns:
            raise DataError(
                f"{source} has no column {column!r} for the {name}",
                received=", ".join(table.columns),
                remedy=f"map it: data.columns.{name}",
            )
    there = {column: name for name, column in chosen.items() if column in table.columns}
    return table.rename(there)


def seconds(times: pl.Series) -> pl.Series:
    """Return times as whole seconds since 1970; text is read as ISO 8601."""
    if times.dtype == pl.String:
        parsed = times.cast(pl.Float64, strict=False)
        if parsed.null_count() > times.null_count():
            return seconds(_dates(times))
        times = parsed
    if times.dtype == pl.Date or isinstance(times.dtype, pl.Datetime):
        return times.dt.epoch("s")
    if not times.dtype.is_numeric():
        raise DataError(
            "times are not numbers or dates", received=str(times.dtype), remedy="map it"
        )
    return times.cast(pl.Int64, strict=False)


def _dates(times: pl.Series) -> pl.Series:
    dates = times.str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
    bad = times.filter(dates.is_null() & times.is_not_null())
    if len(bad):
        raise DataError(
            f"{len(bad):,} times can't be read", received=bad[0], remedy="use seconds or ISO 8601"
        )
    return dates


def lists_to_text(table: pl.DataFrame) -> pl.DataFrame:
    """Return a table whose lists of plain values are joined to text, to be read as content."""
    lists = [n for n, kind in table.schema.items() if kind in [pl.List(p) for p in _PLAIN]]
    joined = (pl.col(n).list.eval(pl.element().cast(pl.String)).list.join(", ") for n in lists)
    return table.with_columns(joined)


_PLAIN = (pl.String, pl.Int64, pl.Float64, pl.Boolean)
