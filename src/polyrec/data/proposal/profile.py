"""Describe the columns of a table: how many values, and what they can be read as."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from polyrec.data.columns import to_numbers, to_text
from polyrec.data.frames import Table
from polyrec.data.media_files import MEDIA_SUFFIXES, MediaFolder
from polyrec.data.proposal.hints import Hint, has_hint, is_generic
from polyrec.data.times import parse_times
from polyrec.errors import DataError
from polyrec.source_tables import TableSource

_SAMPLE = 2_000


@dataclass
class Column:
    """A column of a table; what is asked for is computed once."""

    name: str
    values: pl.Series
    source: TableSource

    @cached_property
    def text(self) -> pl.Series:
        """The cells as text."""
        return to_text(self.values)

    @cached_property
    def filled(self) -> int:
        """The number of cells that are not empty."""
        return len(self.text) - self.text.null_count()

    @cached_property
    def distinct(self) -> pl.Series:
        """The distinct values."""
        return self.text.drop_nulls().unique(maintain_order=True)

    @cached_property
    def is_key(self) -> bool:
        """Whether each row has a value of its own."""
        return self.filled == len(self.values) == len(self.distinct) > 1

    @cached_property
    def is_list(self) -> bool:
        """Whether the cells are lists or objects."""
        return self.values.dtype.is_nested()

    @cached_property
    def numbers(self) -> pl.Series | None:
        """The cells as numbers, None if some are none."""
        if self.is_list or not self.filled:
            return None
        try:
            numbers, _ = to_numbers(self.values, self.source, self.name)
        except (DataError, pl.exceptions.PolarsError):
            return None
        return numbers if numbers.count() else None

    @cached_property
    def is_float(self) -> bool:
        """Whether some numbers have decimals."""
        return self.numbers is not None and bool((self.numbers.drop_nulls() % 1 != 0).any())

    @cached_property
    def times(self) -> Times | None:
        """The cells as times, None if they are none; of numbers, the name must show it."""
        if self.is_list or not self.filled or self.values.dtype == pl.Boolean:
            return None
        by_name = has_hint(self.name, "time") or has_hint(self.name, "added")
        if self.numbers is not None:
            known = self.numbers.drop_nulls()
            if is_generic(self.name):
                by_name = bool((known.is_between(8e8, 2e9) | known.is_between(8e11, 2e12)).all())
            if not by_name or (known < 1e7).any():
                return None
        return read_times(self.values, self.source)

    @cached_property
    def is_id(self) -> bool:
        """Whether the cells may be ids: single words, no decimals, no times."""
        if self.is_list or self.is_float or self.values.dtype.is_float():
            return False
        return self.times is None and self.words < 2

    @cached_property
    def may_name(self) -> bool:
        """Whether the cells are texts of a few words."""
        return self.words < 8 and self.numbers is None and self.times is None and not self.is_list

    @cached_property
    def is_rating(self) -> bool:
        """Whether the cells are ratings: by the name, or where there is none, by their range."""
        if self.numbers is None or not is_generic(self.name):
            return self.numbers is not None and has_hint(self.name, "rating")
        known = self.numbers.drop_nulls()
        return 1 < len(self.distinct) <= 11 and bool(
            known.is_between(0, 10).all() and known.max() != 1
        )

    @cached_property
    def words(self) -> float:
        """The mean number of words of a cell."""
        sample = self.distinct.head(_SAMPLE)
        return float(sample.str.count_matches(r"\S+").mean() or 0)  # type: ignore[arg-type]

    def count_media(self, kind: str, folder: MediaFolder) -> int:
        """Return how many of the first distinct cells are names of files."""
        sample = self.distinct.head(_SAMPLE).to_list()
        return sum(isinstance(raw, Path) and raw.is_file() for raw in folder.find(kind, sample))

    @property
    def sampled(self) -> int:
        """The number of distinct cells that `count_media` looks at."""
        return min(len(self.distinct), _SAMPLE)


@dataclass(frozen=True)
class Times:
    """A column as times."""

    first: int  # seconds
    last: int
    note: str  # how they were read
    time_format: str | None = None  # to set in the config
    is_guess: bool = False


def read_times(values: pl.Series, source: TableSource) -> Times | None:
    """Return a column as times; dates with two readings, or two digits a year, by a pattern."""
    source = TableSource(source.file, {"time": values.name}, source.line)
    try:
        seconds, findings = parse_times(values, source)
        return _times(seconds, "; ".join(finding.what for finding in findings))
    except DataError:
        pass
    readings: list[tuple[float, int, pl.Series, str]] = []
    for pattern in _patterns(str(values.drop_nulls()[0]).strip()):
        with suppress(DataError):
            seconds, _ = parse_times(values, source, pattern)
            readings.append((_disorder(seconds), len(readings), seconds, pattern))
    if not readings:
        return None
    _, _, seconds, pattern = min(readings, key=lambda reading: reading[:2])
    return _times(seconds, f"read as {pattern}", pattern, is_guess=len(readings) > 1)


def _patterns(cell: str) -> list[str]:
    """Return the patterns for a date with two readings, the more usual one first."""
    if cell.isdigit():
        return ["%Y%m%d" if len(cell) == 8 else "%Y%m%d%H%M%S"]
    date = re.match(r"\d{1,2}([-/.])\d{1,2}\1(\d{4}|\d{2})(?=[ T]|$)", cell)
    if date is None:
        return []
    clock = " %H:%M:%S" if cell.count(":") == 2 else " %H:%M" if ":" in cell else ""
    year = "%Y" if len(date[2]) == 4 else "%y"
    parts = ("%m", "%d") if date[1] == "/" else ("%d", "%m")
    return [date[1].join((*order, year)) + clock for order in (parts, parts[::-1])]


def _disorder(seconds: pl.Series) -> float:
    """Return the share of steps against the order of time, or against its reverse."""
    steps = seconds.drop_nulls().diff().drop_nulls().to_numpy()
    return float(min((steps < 0).mean(), (steps > 0).mean())) if len(steps) else 0.0


def _times(
    seconds: pl.Series, note: str, time_format: str | None = None, *, is_guess: bool = False
) -> Times | None:
    known = seconds.drop_nulls()
    if not len(known):
        return None
    return Times(int(known[int(known.arg_min() or 0)]), int(known[int(known.arg_max() or 0)]),
                 note, time_format, is_guess)  # fmt: skip


@dataclass
class TableProfile:
    """A table with its columns."""

    file: str  # relative to the folder
    table: Table

    @cached_property
    def columns(self) -> list[Column]:
        """The columns that are not empty and have a name of their own."""
        return [
            column
            for name in self.table.frame.columns
            if name not in self.table.duplicates
            and (column := Column(name, self.table.frame[name], self.table.source)).filled
        ]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.table.frame)

    @property
    def stem(self) -> str:
        """The name of the file without folders and suffixes."""
        return Path(self.file).name.partition(".")[0]

    @property
    def lacks_header(self) -> bool:
        """Whether the first row has cells like those below instead of names."""
        hints: tuple[Hint, ...] = ("user", "item", "time", "rating", "title", "kind")
        if self.table.files[0]["format"] != "text":
            return False
        if any(has_hint(name, hint) for name in self.table.frame.columns for hint in hints):
            return False
        return any(_is_like_cells(column) for column in self.columns)


def _is_like_cells(column: Column) -> bool:
    """Return whether the name of a column is a number or a time among such, or one of its cells."""
    name = Column(column.name, pl.Series(column.name, [column.name]), column.source)
    is_number = column.numbers is not None and name.numbers is not None
    is_time = column.times is not None and read_times(name.values, column.source) is not None
    return is_number or is_time or bool((column.distinct == column.name).any())


def media_counts(folder: MediaFolder) -> dict[str, int]:
    """Return how many files of each kind are below the folder."""
    suffixes = [path.suffix.lower() for path in folder.files]
    return {kind: sum(s in known for s in suffixes) for kind, known in MEDIA_SUFFIXES.items()}
