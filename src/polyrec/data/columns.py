"""Convert cells to ids, numbers and text; errors name file, line and column."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from polyrec.data.validation import finding_for
from polyrec.errors import DataError
from polyrec.source_tables import TableSource
from polyrec.types import MAX_ID_LENGTH, Finding

MISSING = ("", "nan", "na", "n/a", "null", "none", "nil", "nat", "\\n", "-", "–", "—", "?")
"""Cells, in lower case, that mean a missing number or time."""

_PLACEHOLDERS = ("nan", "null", "none", "nat", "n/a", "undefined")
_CONTROL = r"[\x00-\x1f\x7f]"
_THOUSANDS = r"^[+-]?[0-9]{1,3}(,[0-9]{3})+$"
_DECIMAL_HINT = "; if the comma is the decimal mark, set data.dialect.decimal: ','"
_COMMA = r"^[+-]?[0-9]*,[0-9]+$"


def ids_to_text(values: pl.Series, source: TableSource, name: str) -> pl.Series:
    """Return ids as text, byte for byte as in the file; empty ids are null.

    Integers become their digits. Floats are refused: 7.0 may have been 7, 007 or 7.00.
    """
    kind = values.dtype
    if kind == pl.Binary:
        try:
            values = values.cast(pl.String)
        except pl.exceptions.PolarsError as error:
            raise _not_ids(source, name, kind, "store ids as UTF-8 text") from error
    elif kind.is_float():
        remedy = "store ids as text or integers (in pandas, astype('Int64') allows missing ones)"
        raise _not_ids(source, name, kind, remedy)
    elif not (kind.is_integer() or kind.is_decimal() or kind in _TEXTS):
        raise _not_ids(source, name, kind, "store ids as text or integers")
    ids = values.cast(pl.String)
    return pl.select(pl.when(ids != "").then(ids)).to_series()


_TEXTS = (pl.String, pl.Categorical, pl.Enum, pl.Null)


def _not_ids(source: TableSource, name: str, kind: pl.DataType, remedy: str) -> DataError:
    what = f"{source.file}, column {source.column(name)!r}: not ids"
    return DataError(what, received=str(kind), remedy=remedy)


def invalid_ids(ids: pl.Series) -> pl.Series:
    """Return a mask of the ids that `id_problem` refuses."""
    stripped = ids.str.strip_chars()
    too_long = ids.str.len_chars() > MAX_ID_LENGTH
    return too_long | (stripped == "") | ids.str.contains(_CONTROL) | ids.is_in([".", ".."])


def id_findings(ids: pl.Series, of: str) -> list[Finding]:
    """Return findings on ids that look like a mistake."""
    stripped = ids.str.strip_chars()
    twins = ids.filter((ids != stripped) & stripped.is_in(ids.implode()))
    placeholders = ids.filter(ids.str.to_lowercase().is_in(_PLACEHOLDERS))
    return [
        *finding_for("warning", f"{of} ids that differ from others in white space only",
                     map(repr, twins), "they count as different"),
        *finding_for("warning", f"{of} ids that look like a missing value", placeholders,
                     "they count as ids: leave the cell empty if there is no id"),
    ]  # fmt: skip


def to_text(values: pl.Series) -> pl.Series:
    """Return cells as text; NaN, "" and empty lists are null.

    >>> to_text(pl.Series([["a", "b"], [], None])).to_list()
    ['a, b', None, None]
    """
    kind, present = values.dtype, values.is_not_null()
    if isinstance(kind, pl.List | pl.Array):
        inner = pl.element().cast(pl.String, strict=False)
        values = (
            values.cast(pl.List(kind.inner)).list.eval(inner).list.join(", ", ignore_nulls=True)
        )
    elif isinstance(kind, pl.Struct):
        values = values.struct.json_encode()
    elif kind == pl.Object:
        values = pl.Series([None if v is None else str(v) for v in values], dtype=pl.String)
    else:
        values = values.cast(pl.String, strict=False)
    return pl.select(pl.when(present & ~values.is_in(["", "NaN", "nan"])).then(values)).to_series()


def to_numbers(
    values: pl.Series, source: TableSource, name: str
) -> tuple[pl.Series, list[Finding]]:
    """Return cells as Float64, null where the number is missing, and findings.

    Decimal commas are detected if the dialect leaves them open; a comma that may separate
    thousands raises.
    """
    if values.dtype.is_numeric() or values.dtype == pl.Boolean:
        return values.cast(pl.Float64).fill_nan(None), []
    parsed = values.cast(pl.String).cast(pl.Float64, strict=False)
    if parsed.null_count() == values.null_count() and parsed.is_finite().all():
        return parsed, []
    cells = to_text(values).str.strip_chars()
    missing = is_missing(cells)
    comma = cells.str.contains(_COMMA).fill_null(value=False)
    findings: list[Finding] = []
    if source.decimal != "." and comma.any():
        points = cells.str.contains(".", literal=True).fill_null(value=False)
        if not source.decimal:
            _check_comma(values, source, name, comma, points)
            example = f"{values[int(comma.arg_max() or 0)]!r}"
            what = f"decimal commas in {source.file}, column {source.column(name)!r}"
            findings += [Finding("note", what, int(comma.sum()), (example,))]
        cells = pl.select(
            pl.when(~points).then(cells.str.replace(",", ".", literal=True))
        ).to_series()
    parsed = cells.cast(pl.Float64, strict=False)
    invalid = ~(parsed.is_finite().fill_null(value=False) | missing)
    if invalid.any():
        remedy = "fix it or leave it empty" + (_DECIMAL_HINT if comma.any() else "")
        raise invalid_cells(values, invalid, source, name, "not a number", remedy)
    return pl.select(pl.when(~missing).then(parsed)).to_series(), findings


def _check_comma(
    values: pl.Series, source: TableSource, name: str, comma: pl.Series, points: pl.Series
) -> None:
    """Raise `DataError` if a comma may separate thousands, or there are points, too."""
    row = int(comma.arg_max() or 0)
    cell = str(values[row]).strip()
    if points.any():
        other = int(points.arg_max() or 0)
        received = f"{cell!r}, and {values[other]!r} on {source.line(other)}"
        raise DataError(f"{source.cell(name, row)}: two decimal marks", received=received,
                        remedy="write all numbers with a decimal point")  # fmt: skip
    if values.filter(comma).str.strip_chars().str.contains(_THOUSANDS).all():
        readings = f"{cell!r} is {cell.replace(',', '.')} or {cell.replace(',', '')}"
        remedy = "set data.dialect.decimal: ',' or remove the thousands separators"
        what = f"{source.cell(name, row)}: an ambiguous comma"
        raise DataError(what, received=readings, remedy=remedy)


def is_missing(cells: pl.Series) -> pl.Series:
    """Return a mask of stripped cells that mean a missing value."""
    return cells.is_null() | cells.str.to_lowercase().is_in(MISSING).fill_null(value=False)


def invalid_cells(
    values: pl.Series, invalid: pl.Series, source: TableSource, name: str, what: str, remedy: str
) -> DataError:
    """Return an error for the first invalid cell, with the lines of the next three."""
    rows = invalid.arg_true()
    first = int(rows[0])
    more = ", ".join(source.line(int(row)) for row in rows[1:4])
    others = f" ({len(rows):,} such cells: also {more})" if more else ""
    received = str(values[first])[:80]
    return DataError(
        f"{source.cell(name, first)}: {what}{others}", received=received, remedy=remedy
    )


def filter_rows(
    frame: pl.DataFrame, source: TableSource, keep: pl.Series
) -> tuple[pl.DataFrame, TableSource]:
    """Return the rows of a mask; `source` still maps them to their lines."""
    rows = keep.arg_true().to_numpy()
    return frame.filter(keep), replace(source, line=lambda row: source.line(int(rows[row])))
