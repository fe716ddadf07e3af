"""Read delimited text: every cell as text, malformed rows with their lines."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from polyrec.data.dialects import Dialect
from polyrec.data.validation import finding_for
from polyrec.errors import DataError
from polyrec.types import Finding

_RECORDS = 1 << 16  # per frame
_BYTES = 1 << 24  # checked at a time


@dataclass(frozen=True)
class TextTable:
    """Cells as text, null if empty; the final dialect; row -> line."""

    frame: pl.DataFrame
    dialect: Dialect
    line: Callable[[int], int]
    duplicates: frozenset[str] = frozenset()  # names of several columns
    findings: list[Finding] = field(default_factory=list)


def read_delimited(
    data: bytes, dialect: Dialect, *, file: str, header: Sequence[str] = ()
) -> TextTable:
    """Return UTF-8 text as a table; `header` names the columns if the text has no header row.

    Empty lines are skipped. Rows with too few cells are padded, with a finding. A row with too many
    raises `DataError`, unless the surplus cells are empty.
    """
    if b"\n" not in data and b"\r" in data:
        data = data.replace(b"\r", b"\n")
    names, start = _header(data, dialect, file=file) if not header else (list(header), 0)
    columns, duplicates = _distinct(names)
    first = data.count(b"\n", 0, start) + 1
    data = data[start:]
    if data.endswith((b"\n\n", b"\n\r\n")) or not data.endswith(b"\n"):
        # without a final line feed polars accepts surplus empty cells
        data = data.rstrip(b"\r\n")
        data += b"\n" if data else b""
    frame = _rectangular(data, columns, dialect)
    if frame is not None:
        return TextTable(frame, dialect, _line_counter(frame, first), duplicates)
    try:
        return _Records(columns, dialect, file, first).read(data, duplicates)
    except DataError:
        frame = _unquoted(data, columns, dialect)
        if frame is None:
            raise
    what = f"quotes in {file} that are part of the text"
    count = data.count(dialect.quote.encode())
    findings = [Finding("note", what, count, (), "if they are not, fix the file")]
    plain = replace(dialect, quote="")
    return TextTable(frame, plain, _line_counter(frame, first), duplicates, findings)


def _header(data: bytes, dialect: Dialect, *, file: str) -> tuple[list[str], int]:
    """Return the names of the columns, and the offset of the first row."""
    lines = io.BytesIO(data)
    for _ in range(dialect.skip):
        lines.readline()
    for _, names in _parse(lines, dialect, file=file):
        if names:
            return names, lines.tell()
    raise DataError("the file is empty", received=file, remedy="export it again")


def _distinct(names: Sequence[str]) -> tuple[list[str], frozenset[str]]:
    """Return unique names ("x", "x (2)"), and the names of several columns."""
    columns: dict[str, None] = {}
    for number, name in enumerate(names, start=1):
        unique, again = name or f"column {number}", 1
        while unique in columns:
            again += 1
            unique = f"{name} ({again})"
        columns[unique] = None
    return list(columns), frozenset(name for name in names if name and names.count(name) > 1)


def _rectangular(data: bytes, columns: Sequence[str], dialect: Dialect) -> pl.DataFrame | None:
    """Return the table if its quotes are well-formed and all rows have all cells, else None.

    Such text polars reads as RFC 4180 defines it.
    """
    separator, quote = dialect.separator.encode(), dialect.quote.encode()
    quoted = bool(quote) and quote in data
    if len(separator) != 1 or (quoted and not _well_quoted(data, separator, quote)):
        return None
    if len(columns) == 1 and (b"\n\n" in data or b"\n\r\n" in data):
        return None  # polars reads an empty line as a cell
    try:
        frame = pl.read_csv(
            data,
            has_header=False,
            schema=dict.fromkeys(columns, pl.String),
            separator=dialect.separator,
            quote_char=dialect.quote if quoted else None,
        )
    except pl.exceptions.PolarsError:
        return None
    inside = 0
    if quoted and len(frame):
        counts = pl.all().str.count_matches(dialect.separator, literal=True)
        inside = sum(count or 0 for count in frame.select(counts.sum()).row(0))
    # polars pads short rows silently: then there are fewer separators
    return frame if data.count(separator) - inside == len(frame) * (len(columns) - 1) else None


def _unquoted(data: bytes, columns: Sequence[str], dialect: Dialect) -> pl.DataFrame | None:
    """Return the table with quotes as ordinary characters, None if they enclose a cell."""
    quote = re.escape(dialect.quote)
    frame = _rectangular(data, columns, replace(dialect, quote="")) if quote else None
    if frame is None or any(c.str.contains(f"(?s)^{quote}.*{quote}$").any() for c in frame):
        return None
    return frame


def _well_quoted(data: bytes, separator: bytes, quote: bytes) -> bool:
    """Return whether each quote opens a cell, closes one, or is doubled inside one (RFC 4180)."""
    if len(quote) != 1:
        return False
    text = np.frombuffer(data, np.uint8)
    before = np.frombuffer(separator + b"\n" + quote, np.uint8)
    after = np.frombuffer(separator + b"\r\n" + quote, np.uint8)
    count = 0
    for start in range(0, len(text), _BYTES):
        quotes = np.flatnonzero(text[start : start + _BYTES] == quote[0]) + start
        opening, closing = quotes[count % 2 :: 2], quotes[1 - count % 2 :: 2]
        opening, closing = opening[opening > 0], closing[closing < len(text) - 1]
        count += len(quotes)
        if not (
            np.isin(text[opening - 1], before).all() and np.isin(text[closing + 1], after).all()
        ):
            return False
    return count % 2 == 0


def _line_counter(frame: pl.DataFrame, first: int) -> Callable[[int], int]:
    """Return row -> line; line feeds inside cells count."""

    def line(row: int) -> int:
        breaks = pl.all().str.count_matches("\n", literal=True).sum()
        return first + row + sum(count or 0 for count in frame.head(row).select(breaks).row(0))

    return line


class _Records:
    """Reads text record by record, to locate malformed ones."""

    def __init__(self, columns: Sequence[str], dialect: Dialect, file: str, first: int) -> None:
        self.columns, self.dialect, self.file, self.first = columns, dialect, file, first
        self.lines: list[int] = []  # of each row
        self.short: list[str] = []
        self.long: list[str] = []

    def read(self, data: bytes, duplicates: frozenset[str]) -> TextTable:
        """Return the table; raise `DataError` for a malformed record."""
        frames = [pl.DataFrame(schema=dict.fromkeys(self.columns, pl.String))]
        rows: list[list[str | None]] = []
        for line, cells in _parse(io.BytesIO(data), self.dialect, file=self.file, first=self.first):
            if not cells:
                continue
            self.lines.append(line)
            rows.append(self._fitted(cells, line))
            if len(rows) == _RECORDS:
                frames.append(self._frame(rows))
                rows = []
        frame = pl.concat([*frames, self._frame(rows)])
        return TextTable(frame, self.dialect, self.lines.__getitem__, duplicates, self.findings())

    def findings(self) -> list[Finding]:
        """Return findings on rows that were padded or cut."""
        return [
            *finding_for("warning", f"rows of {self.file} with too few cells", self.short,
                     "missing cells count as empty"),
            *finding_for("note", f"rows of {self.file} with surplus empty cells", self.long,
                     "these cells are dropped"),
        ]  # fmt: skip

    def _fitted(self, cells: list[str], line: int) -> list[str | None]:
        width = len(self.columns)
        row: list[str | None] = [cell or None for cell in cells]
        if len(row) < width:
            self.short.append(f"line {line}")
            return row + [None] * (width - len(row))
        if len(row) > width:
            if any(row[width:]):
                received = f"{len(row)} cells: {self.dialect.separator.join(cells)[:80]}"
                remedy = f"the header has {width}: quote cells with {self.dialect.separator!r}"
                raise DataError(f"{self.file} line {line} has too many cells", received=received,
                                remedy=remedy)  # fmt: skip
            self.long.append(f"line {line}")
        return row[:width]

    def _frame(self, rows: list[list[str | None]]) -> pl.DataFrame:
        return pl.DataFrame(rows, schema=dict.fromkeys(self.columns, pl.String), orient="row")


def _parse(
    lines: Iterable[bytes], dialect: Dialect, *, file: str, first: int = 1
) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the cells of each record; an empty line has no cells."""
    reader = csv.reader(
        (line.decode("utf-8") for line in lines),
        delimiter=dialect.separator,
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        strict=True,
    )
    limit = csv.field_size_limit(sys.maxsize)
    try:
        while True:
            line = first + reader.line_num
            cells = next(reader, None)
            if cells is None:
                return
            yield line, cells
    except csv.Error as error:
        remedy = "close or double its quotes, or set data.dialect.quote"
        raise DataError(
            f"{file} line {line} can't be read", received=str(error), remedy=remedy
        ) from error
    finally:
        csv.field_size_limit(limit)
