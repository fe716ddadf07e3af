"""Read files as tables, with the column names of the files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from polyrec.config import EVERY_FILE, DialectConfig
from polyrec.contracts import BasePart, part
from polyrec.data.columns import filter_rows
from polyrec.data.delimited import read_delimited
from polyrec.data.dialects import decompressed_bytes, detect_dialect, to_utf8
from polyrec.data.json_lines import read_json_lines
from polyrec.data.validation import finding_for
from polyrec.errors import DataError
from polyrec.source_tables import TableSource
from polyrec.types import Finding

_TEXT = (".csv", ".tsv", ".txt", ".dat")
_JSON = (".json", ".jsonl", ".ndjson")
_SUFFIXES = (".parquet", *_TEXT, *_JSON)
_COMPRESSED = (".gz", ".zst")


@dataclass(frozen=True)
class Table:
    """A table with the column names of its file, and what is known about the file."""

    frame: pl.DataFrame
    source: TableSource
    duplicates: frozenset[str] = frozenset()  # names of several columns
    findings: tuple[Finding, ...] = ()
    files: tuple[Mapping[str, Any], ...] = ()


UNSET = DialectConfig()
"""All settings are detected."""


@part
class FileReader(BasePart):
    """The base of readers of text tables: `dialect` maps a file name, or "*", to settings."""

    dialect: Mapping[str, DialectConfig] = field(default_factory=dict)

    def table(
        self, path: Path, *, suffix: str = "", usual: DialectConfig = UNSET, loose: bool = False
    ) -> Table:
        """Return a parquet, delimited or JSON-lines file, compressed or not, as a table.

        `suffix` is its format if the name does not show it, `usual` the format's own dialect;
        `loose` JSON may be in Python notation.
        """
        suffix = suffix or next(
            (s for s in reversed(path.suffixes) if s.lower() not in _COMPRESSED), ""
        )
        suffix = suffix.lower()
        if suffix not in _SUFFIXES:
            remedy = f"use one of {', '.join(_SUFFIXES)}"
            raise DataError("unknown table format", received=path.name, remedy=remedy)
        if not path.is_file():
            raise DataError("no such file", received=str(path), remedy="check data.path")
        if path.stat().st_size == 0:
            raise DataError("the file is empty", received=path.name, remedy="export it again")
        if suffix == ".parquet":
            return _parquet(path)
        settings = usual.model_copy(update=self.settings(path).model_dump(exclude_unset=True))
        return _text(path, settings, suffix, loose=loose)

    def settings(self, path: Path) -> DialectConfig:
        """Return the dialect that the config sets for a file."""
        return self.dialect.get(path.name) or self.dialect.get(EVERY_FILE) or UNSET


def _parquet(path: Path) -> Table:
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        first = str(error).strip().splitlines()[0][:200]
        remedy = "export it again"
        raise DataError(f"{path.name} can't be read", received=first, remedy=remedy) from error
    files = ({"file": path.name, "rows": len(frame), "format": "parquet"},)
    return Table(frame, TableSource(path.name), files=files)


def _text(path: Path, settings: DialectConfig, suffix: str, *, loose: bool) -> Table:
    raw, compression = decompressed_bytes(path)
    data, encoding, findings = to_utf8(raw, settings.encoding, file=path.name)
    del raw
    shared = {"encoding": encoding} | ({"compression": compression} if compression else {})
    if suffix in _JSON:
        frame, line, more = read_json_lines(data, file=path.name, loose=loose)
        files = {"file": path.name, "rows": len(frame), "format": "json lines", **shared}
        return Table(
            frame, TableSource(path.name, line=line), findings=(*findings, *more), files=(files,)
        )
    dialect = detect_dialect(data, settings, suffix=suffix)
    text = read_delimited(data, dialect, file=path.name, header=settings.header)
    source = TableSource(
        path.name, line=lambda row: f"line {text.line(row)}", decimal=settings.decimal or ""
    )
    marks = {"separator": text.dialect.separator, "quote": text.dialect.quote}
    files = {"file": path.name, "rows": len(text.frame), "format": "text", **marks, **shared}
    findings += text.findings
    frame, source = _drop_empty_rows(text.frame, source, findings)
    return Table(frame, source, text.duplicates, tuple(findings), (files,))


def _drop_empty_rows(
    frame: pl.DataFrame, source: TableSource, findings: list[Finding]
) -> tuple[pl.DataFrame, TableSource]:
    """Return the rows that are not all empty; spreadsheets export such rows."""
    if not frame.width or not frame.to_series(0).has_nulls():
        return frame, source
    empty = frame.select(pl.all_horizontal(pl.all().is_null())).to_series()
    lines = (source.line(int(row)) for row in empty.arg_true())
    findings += finding_for("note", f"empty rows of {source.file}", lines, "they are dropped")
    return filter_rows(frame, source, ~empty) if empty.any() else (frame, source)


def find_table(folder: Path, stem: str) -> Path | None:
    """Return the file `stem.*` that is a table, or None; several raise `DataError`."""
    names = [f"{stem}{suffix}{end}" for suffix in _SUFFIXES for end in ("", *_COMPRESSED)]
    paths = [folder / name for name in names if (folder / name).is_file()]
    if len(paths) > 1:
        received = ", ".join(path.name for path in paths)
        remedy = f"keep one, or name it: data.{stem}"
        raise DataError(f"several files of {stem}", received=received, remedy=remedy)
    return next(iter(paths), None)


def require_folder(path: Path) -> Path:
    """Return `path` if it is a folder, or raise `DataError`."""
    if not path.is_dir():
        raise DataError("no such data folder", received=str(path), remedy="check data.path")
    return path
