"""Index users and items by their ids, in an order that does not depend on the file format."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from polyrec.data.columns import filter_rows, ids_to_text, invalid_ids
from polyrec.data.validation import finding_for
from polyrec.errors import DataError
from polyrec.source_tables import SourceTables, TableSource
from polyrec.types import Finding, Ints, id_problem

_INTEGER = r"^(0|[1-9][0-9]{0,17})$"


@dataclass(frozen=True)
class IdColumn:
    """A column of ids: the distinct ones as text, and the code of each event's id."""

    distinct: pl.Series  # id of each code; two values in a file may be the same id
    codes: npt.NDArray[np.uint32]  # (e,)

    @classmethod
    def of(cls, values: pl.Series, source: TableSource, name: str) -> IdColumn:
        """Return a column; only its distinct values are converted to text, which is fast."""
        values = values.alias("value")
        ids_to_text(values.head(0), source, name)  # other types are refused before `unique`
        distinct, codes = _encode(values)
        ids = ids_to_text(distinct, source, name).alias("id")
        invalid = invalid_ids(ids)
        if invalid.any():
            rows = values.is_in(distinct.filter(invalid).implode()).arg_true()
            received = ids_to_text(values[rows].unique(maintain_order=True), source, name)
            raise _invalid(received, source, name, int(rows[0]))
        return cls(ids, codes)

    def ids(self) -> pl.Series:
        """Return the distinct ids in numeric order if all are integers, else as text.

        >>> IdColumn.of(pl.Series(["10", "9"]), TableSource(), "user").ids().to_list()
        ['9', '10']
        """
        ids = self.distinct.unique()
        if are_integers(ids):
            return ids.cast(pl.Int64).sort().cast(pl.String)
        return ids.sort()

    def rows(self, ids: pl.Series) -> Ints:
        """Return (e,) the row of each value's id in `ids`."""
        numbered = pl.DataFrame({"id": ids, "row": np.arange(len(ids))})
        rows = self.distinct.to_frame().join(numbered, on="id", how="left", maintain_order="left")
        return rows["row"].to_numpy().astype(np.int64, copy=False)[self.codes]


def _encode(values: pl.Series) -> tuple[pl.Series, npt.NDArray[np.uint32]]:
    """Return the distinct values, and the (e,) position of each value among them.

    Text is compared by its 64-bit hashes, in half the time; if two texts have the same, by itself.
    """
    if values.dtype == pl.String:
        distinct, codes = _encode_by(values.hash(), values)
        if (distinct.gather(codes) == values).all():
            return distinct, codes
    return _encode_by(values, values)


def _encode_by(keys: pl.Series, values: pl.Series) -> tuple[pl.Series, npt.NDArray[np.uint32]]:
    first = keys.arg_unique()
    numbered = pl.DataFrame({"key": keys.gather(first), "code": np.arange(len(first), dtype="u4")})
    frame = keys.alias("key").to_frame().join(numbered, on="key", how="left", maintain_order="left")
    return values.gather(first), frame["code"].to_numpy()


def _invalid(ids: pl.Series, source: TableSource, name: str, row: int) -> DataError:
    received = ", ".join(repr(value[:40]) for value in ids[:5])
    what = f"{source.cell(name, row)}: {len(ids):,} invalid {name} ids"
    return DataError(what, received=received, remedy=f"{id_problem(ids[0])}: rename or drop them")


def complete_events(tables: SourceTables, findings: list[Finding]) -> SourceTables:
    """Return the tables without the events that have no user or no item."""
    missing = _missing_keys(tables)
    if not missing.any():
        return tables
    if missing.all():
        raise _too_many_missing(tables)
    source = tables.event_source
    lines = (source.line(int(row)) for row in missing.arg_true())
    findings += finding_for("warning", "events without user or item", lines, "they are dropped")
    events, source = filter_rows(tables.events, source, ~missing)
    return replace(tables, events=events, event_source=source)


def check_complete(tables: SourceTables, max_missing: float) -> None:
    """Raise `DataError` if more than a share of the events have no user or no item."""
    if _missing_keys(tables).sum() > max_missing * len(tables.events):
        raise _too_many_missing(tables)


def _missing_keys(tables: SourceTables) -> pl.Series:
    if not len(tables.events):
        raise DataError("there are no events", received="0 rows", remedy="check data.path")
    return _is_missing(tables.events["user"]) | _is_missing(tables.events["item"])


def _too_many_missing(tables: SourceTables) -> DataError:
    """Return an error that counts the empty cells of each column."""
    source = tables.event_source
    gaps = {name: _is_missing(tables.events[name]) for name in ("user", "item")}
    columns = [
        f"column {source.column(name)!r} is empty in {empty.sum():,} rows, first on "
        f"{source.line(int(empty.arg_max() or 0))}"
        for name, empty in gaps.items()
        if empty.any()
    ]
    count, total = (gaps["user"] | gaps["item"]).sum(), len(tables.events)
    return DataError(
        f"{source.file}: {count:,} of {total:,} events have no user or no item",
        received="; ".join(columns),
        remedy="check data.columns and data.dialect.separator; "
        "data.max_missing.events is the share that may be missing",
    )


def _is_missing(ids: pl.Series) -> pl.Series:
    is_text = ids.dtype in (pl.String, pl.Categorical, pl.Binary) or ids.dtype == pl.Enum
    empty = b"" if ids.dtype == pl.Binary else ""
    return ids.is_null() | (ids == empty if is_text else False)


def are_integers(ids: pl.Series) -> bool:
    """Return whether all ids are integers in their usual form: "7", not "007"."""
    return bool(ids.str.contains(_INTEGER).all())


def catalogue_ids(values: pl.Series, source: TableSource, name: str = "item") -> pl.Series:
    """Return the ids of a table of items; raise `DataError` if one is empty or occurs twice."""
    ids = ids_to_text(values, source, name)
    invalid = ids.is_null() | ids.is_duplicated()
    if invalid.any():
        rows = invalid.arg_true()
        lines = ", ".join(f"{ids[int(row)]!r} on {source.line(int(row))}" for row in rows[:4])
        what = f"{source.file}, column {source.column(name)!r}: duplicate or empty {name} ids"
        raise DataError(what, received=lines, remedy=f"give each {name} one row with its own id")
    invalid = invalid_ids(ids)
    if invalid.any():
        raise _invalid(ids.filter(invalid), source, name, int(invalid.arg_max() or 0))
    return ids
