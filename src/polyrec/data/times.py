"""Parse times: numbers by their magnitude, dates unless they are ambiguous."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import polars as pl

from polyrec.data.columns import invalid_cells, is_missing, to_text
from polyrec.errors import DataError
from polyrec.source_tables import TableSource
from polyrec.types import NO_TIME, Bools, Finding, Ints

_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_NAMES = {"ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_LEAST = {"s": 1e8, "ms": 1e11, "us": 1e14, "ns": 1e17}
"""Unit -> the lowest number that shows it: a time in 1973."""

_LATEST = 253_402_300_799  # the end of the year 9999
_YEAR_2 = -62_100_000_000

_ISO = (
    "%Y-%m-%d", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M",
    "%Y-%m-%dT%H:%M:%S%.fZ", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z",
)  # fmt: skip
_CLOCK = (
    r"(?:(?:[T ]|, ?)([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,][0-9]+)?)?"
    r" ?([AaPp][Mm])? ?(Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}|[+-][0-9]{2})?)?$"
)
_DATE = r"^([0-9]{1,4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,4})" + _CLOCK
_DAY_NAME = r"^(?:[A-Za-z]{3,9}\.?,? )?"
_NAMED_MONTHS = (
    _DAY_NAME + r"(?<day>\d{1,2})[ -](?<month>[A-Za-z]{3,9})\.?,?[ -](?<year>\d{4})(?<rest>.*)$",
    _DAY_NAME + r"(?<month>[A-Za-z]{3,9})\.? (?<day>\d{1,2}),? (?<year>\d{4})(?<rest>.*)$",
    _DAY_NAME
    + r"(?<month>[A-Za-z]{3}) +(?<day>\d{1,2})(?<rest> \d{2}:\d{2}:\d{2}(?: [+-]\d{4}| UTC| GMT)?)"
    r" (?<year>\d{4})$",
)
_MONTHS = {name: str(i) for i, name in enumerate(
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1,
)}  # fmt: skip
_SET = "set data.time_format"
_REMEDY = f"use seconds or ISO 8601, or {_SET} (s, ms, us, ns, or such as '%d/%m/%y %H:%M')"

_Parsed: TypeAlias = tuple[pl.Series, list[Finding]]


def parse_times(values: pl.Series, source: TableSource, time_format: str | None = None) -> _Parsed:
    """Return seconds since 1970, null without a time, and findings.

    `time_format` is s, ms, us, ns or a strptime pattern. Without it, numbers are s, ms, us or ns by
    their magnitude, and text is ISO 8601 or a date; some cell must show the order of day and month.
    Times without a zone are UTC. -1 and times before the year 2 (Go's zero time) are no times.
    """
    kind = values.dtype
    if kind == pl.Date or isinstance(kind, pl.Datetime):
        return values.dt.epoch("s"), []
    if not (kind.is_numeric() or kind in (pl.String, pl.Categorical, pl.Enum, pl.Null)):
        what = f"{source.file}, column {source.column('time')!r}: not times"
        raise DataError(what, received=str(kind), remedy="check data.columns.time")
    if kind.is_numeric() and (time_format is None or time_format in _UNITS):
        seconds, findings = _from_numbers(values, source, time_format)
    else:
        seconds, findings = _from_text(values, source, time_format)
    is_time = (seconds != NO_TIME) & (seconds >= _YEAR_2)
    return pl.select(pl.when(is_time).then(seconds)).to_series(), findings


def _from_text(values: pl.Series, source: TableSource, time_format: str | None) -> _Parsed:
    by_pattern = time_format is not None and time_format not in _UNITS
    integers = values.cast(pl.String).cast(pl.Int64, strict=False)
    if not by_pattern and integers.null_count() == values.null_count():
        return _from_numbers(integers, source, time_format)
    cells = to_text(values).str.strip_chars()
    cells = pl.select(pl.when(~is_missing(cells)).then(cells)).to_series()
    if time_format is not None and by_pattern:
        return _by_pattern(cells, source, time_format), []
    numbers = cells.cast(pl.Float64, strict=False)
    invalid = numbers.is_null() & cells.is_not_null()
    if not invalid.any():
        return _from_numbers(numbers, source, time_format)
    if time_format is not None:
        what = f"not a time in {time_format}"
        raise invalid_cells(values, invalid, source, "time", what, _REMEDY)
    if numbers.count() > invalid.sum():
        what = "not a number, unlike other times"
        raise invalid_cells(values, invalid, source, "time", what, _REMEDY)
    return _Dates(cells, source).read()


def _from_numbers(numbers: pl.Series, source: TableSource, time_format: str | None) -> _Parsed:
    """Return numbers as seconds; the column has one unit."""
    if numbers.dtype.is_float():
        numbers = pl.select(pl.when(numbers.is_finite()).then(numbers)).to_series()
    else:  # the bounds don't fit into narrow integers
        numbers = numbers.cast(pl.Int64 if numbers.dtype != pl.UInt64 else pl.Float64)
    known = numbers.is_not_null()
    unit = time_format or _unit(numbers, source)
    seconds = numbers // _UNITS[unit]
    far = seconds.abs() > _LATEST
    if far.any():
        raise invalid_cells(numbers, far, source, "time", "not a time", _REMEDY)
    seconds = seconds.cast(pl.Int64)
    if unit == "s" or time_format is not None:
        return seconds, []
    what = f"times of {source.file} read as {_NAMES[unit]} since 1970"
    return seconds, [Finding("note", what, int(known.sum()), (), f"{_SET} if they are not")]


def _unit(numbers: pl.Series, source: TableSource) -> str:
    """Return the unit by magnitude; raise `DataError` for several units, or possible dates."""
    _check_compact_dates(numbers, source)
    size = np.abs(numbers.fill_null(0).to_numpy().astype(np.float64))
    bounds = [*_LEAST.values(), np.inf]
    rows = {
        unit: int(np.argmax(fits))
        for unit, low, high in zip(_LEAST, bounds, bounds[1:], strict=False)
        if (fits := (size >= low) & (size < high)).any()
    }
    if len(rows) > 1:
        cells = [f"{numbers[row]} ({source.line(row)})" for row in rows.values()]
        where = source.cell("time", next(iter(rows.values())))
        raise DataError(f"{where}: times in several units", received=" and ".join(cells),
                        remedy=f"make them one, or {_SET}")  # fmt: skip
    return next(iter(rows), "s")


def _check_compact_dates(numbers: pl.Series, source: TableSource) -> None:
    """Raise `DataError` if all numbers may be dates such as 20240115 or 20240115103000."""
    known = numbers.drop_nulls()
    low, high = (float(v) if isinstance(v, int | float) else 0 for v in (known.min(), known.max()))
    for scale, pattern, unit in ((1, "%Y%m%d", "s"), (10**6, "%Y%m%d%H%M%S", "ms")):
        if not 1900_01_01 * scale <= low <= high < 2100_12_32 * scale:
            continue
        days = (known // scale).cast(pl.Int64)
        month, day = days // 100 % 100, days % 100
        if month.is_between(1, 12).all() and day.is_between(1, 31).all():
            row = int(numbers.is_not_null().arg_max() or 0)
            received = f"{known[0]:.0f}, a date or {unit} since 1970"
            remedy = f"{_SET}: '{pattern}' or {unit}"
            raise DataError(f"{source.cell('time', row)}: an ambiguous time",
                            received=received, remedy=remedy)  # fmt: skip


def _by_pattern(cells: pl.Series, source: TableSource, pattern: str) -> pl.Series:
    zone = "UTC" if "%z" in pattern else None
    try:
        dates = cells.str.to_datetime(pattern.replace(".%f", "%.f"), time_unit="us", time_zone=zone,
                                      strict=False)  # fmt: skip
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0][:120]
        raise DataError(f"data.time_format can't be used ({reason})", received=pattern,
                        remedy="use a pattern such as '%d/%m/%Y %H:%M'") from error  # fmt: skip
    invalid = dates.is_null() & cells.is_not_null()
    if invalid.any():
        raise invalid_cells(cells, invalid, source, "time", f"not a time as {pattern}", _REMEDY)
    return dates.dt.epoch("s")


class _Dates:
    """Parses dates in text; `cells` are stripped, null without a time."""

    def __init__(self, cells: pl.Series, source: TableSource) -> None:
        self.cells, self.source = cells, source
        self.findings: list[Finding] = []

    def read(self) -> _Parsed:
        """Return seconds since 1970 and findings."""
        seconds, zoned = self._iso()
        rest = (seconds.is_null() & self.cells.is_not_null()).arg_true().to_numpy()
        values = seconds.fill_null(0).to_numpy().copy()
        naive = 0 if zoned else self.cells.count() - len(rest)
        if len(rest):
            parts, zones = self._parts(rest)
            values[rest] = self._seconds(parts, rest) - zones.fill_null(0).to_numpy()
            zoned |= bool(zones.is_not_null().any())
            naive += zones.null_count()
        if zoned and naive:
            what = f"times of {self.source.file} without a zone, beside times with one"
            self.findings += [Finding("warning", what, naive, (), "they are read as UTC")]
        read = pl.Series(values)
        return pl.select(pl.when(self.cells.is_not_null()).then(read)).to_series(), self.findings

    def _iso(self) -> tuple[pl.Series, bool]:
        """Return the cells in the ISO form of the first cell, parsed, and whether it has a zone."""
        first = self.cells.drop_nulls().head(1)
        for form in _ISO:
            if _iso_dates(first, form).null_count() == 0:
                return _iso_dates(self.cells, form).dt.epoch("s"), "z" in form.lower()
        return pl.Series([None] * len(self.cells), dtype=pl.Int64), False

    def _parts(self, rows: Ints) -> tuple[pl.DataFrame, pl.Series]:
        """Return the parts of these cells as numbers (a, b, c: the date), and zones in seconds."""
        cells = self.cells[rows]
        for pattern in _NAMED_MONTHS:
            named = cells.str.extract_groups(pattern).struct.unnest()
            month = (
                named["month"]
                .str.to_lowercase()
                .str.slice(0, 3)
                .replace_strict(_MONTHS, default=None)
            )
            numeric = pl.format("{}-{}-{}{}", named["year"], month, named["day"], named["rest"])
            cells = pl.select(
                pl.when(month.is_not_null()).then(numeric).otherwise(cells)
            ).to_series()
        groups = cells.str.extract_groups(_DATE).struct.unnest()
        groups.columns = ["a", "b", "c", "hour", "minute", "second", "half", "zone"]
        years = (groups["a"].str.len_chars() == 4) | (groups["c"].str.len_chars() == 4)
        self._refuse(rows, ~years.fill_null(value=False).to_numpy())
        late = groups["half"].str.to_lowercase()
        hour = groups["hour"].cast(pl.Int64).fill_null(0)
        hour = pl.select(
            pl.when(late.is_null())
            .then(hour)
            .when(late == "pm")
            .then(hour % 12 + 12)
            .otherwise(hour % 12)
        ).to_series()
        numbers = groups.select(
            pl.col("a", "b", "c", "minute", "second").cast(pl.Int64).fill_null(0)
        )
        return numbers.with_columns(hour=hour), _zone_seconds(groups["zone"])

    def _seconds(self, parts: pl.DataFrame, rows: Ints) -> Ints:
        """Return seconds since 1970."""
        a, b, c, hour, minute, second = (
            parts[name].to_numpy() for name in ("a", "b", "c", "hour", "minute", "second")
        )
        by_year = a >= 1000
        day_first = self._day_first(np.where(by_year, 0, a), np.where(by_year, 0, b), rows)
        year = np.where(by_year, a, c)
        month = np.where(by_year | day_first, b, a)
        day = np.where(by_year, c, a if day_first else b)
        months = (year - 1970) * 12 + month - 1
        days = months.astype("M8[M]").astype("M8[D]") + (day - 1)
        bad = (days.astype("M8[M]").astype(np.int64) != months) | (month < 1) | (month > 12)
        self._refuse(rows, bad | (hour > 23) | (minute > 59) | (second > 60))
        seconds: Ints = days.astype(np.int64) * 86_400 + hour * 3600 + minute * 60 + second
        return seconds

    def _day_first(self, first: Ints, second: Ints, rows: Ints) -> bool:
        """Return whether the day is first; raise `DataError` if no cell, or a mixture, shows it."""
        days, months = np.flatnonzero(first > 12), np.flatnonzero(second > 12)
        ambiguous = np.flatnonzero(first != second)
        column = f"{self.source.file}, column {self.source.column('time')!r}"
        examples = [self._cell(rows[cells[0]]) for cells in (days, months) if len(cells)]
        if len(examples) > 1:
            what = f"{column}: dates with the day first, and with the month first"
            raise DataError(what, received=" and ".join(examples), remedy=_REMEDY)
        if not examples:
            if len(ambiguous):
                raise self._two_readings(
                    int(rows[ambiguous[0]]), first[ambiguous[0]], second[ambiguous[0]]
                )
            return True
        order = "day, month" if len(days) else "month, day"
        what = f"dates of {self.source.file} read as {order}, year"
        self.findings.append(Finding("note", what, len(ambiguous), tuple(examples), _SET))
        return len(days) > 0

    def _two_readings(self, row: int, first: int, second: int) -> DataError:
        cell = self.cells[row]
        mark = next(c for c in cell if c in "-/.")
        names = [name.capitalize() for name in _MONTHS]
        readings = f"{cell}: {first} {names[second - 1]} or {second} {names[first - 1]}"
        remedy = f"set data.time_format to '%d{mark}%m{mark}%Y' or '%m{mark}%d{mark}%Y'"
        what = f"{self.source.cell('time', row)}: an ambiguous date"
        return DataError(what, received=readings, remedy=remedy)

    def _cell(self, row: int) -> str:
        return f"{self.cells[int(row)]} ({self.source.line(int(row))})"

    def _refuse(self, rows: Ints, bad: Bools) -> None:
        """Raise `DataError` if one of these cells is not a time."""
        if bad.any():
            invalid = np.zeros(len(self.cells), bool)
            invalid[rows[bad]] = True
            raise invalid_cells(
                self.cells, pl.Series(invalid), self.source, "time", "not a time", _REMEDY
            )


def _iso_dates(cells: pl.Series, form: str) -> pl.Series:
    zone = "UTC" if "z" in form else None
    return cells.str.to_datetime(form, time_unit="us", time_zone=zone, strict=False)


def _zone_seconds(zones: pl.Series) -> pl.Series:
    """Return the offset of zones such as +02:00 from UTC, null without a zone."""
    signs = zones.str.starts_with("-").cast(pl.Int64) * -2 + 1
    digits = zones.str.replace_all(r"\D", "").str.pad_end(4, "0")
    hours = digits.str.slice(0, 2).cast(pl.Int64, strict=False)
    minutes = digits.str.slice(2, 2).cast(pl.Int64, strict=False)
    return signs * (hours * 3600 + minutes * 60)
