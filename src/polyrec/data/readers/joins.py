"""Join several files of events, or of items, into one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from polyrec.data.columns import ids_to_text, to_text
from polyrec.data.frames import Table
from polyrec.data.naming import Columns, map_columns
from polyrec.data.times import parse_times
from polyrec.data.validation import finding_for
from polyrec.errors import DataError, ErrorCollector
from polyrec.source_tables import TableSource
from polyrec.types import Finding

_KEY = "id of the item"  # a column for a join
_IDS = ("user", "item")


def join_events(
    tables: Sequence[Table],
    kinds: Sequence[str | None],
    columns: Columns,
    usual: Mapping[str, str],
    *,
    time_format: str | None = None,
) -> tuple[Table, Columns]:
    """Return the rows of all tables of events, and `columns` with the names in the joined table.

    `kinds` are those of the tables' events, or None. Tables without a time, a rating or a kind have
    empty cells there, and the weight 1.
    """
    if any(kinds) and "kind" in columns:
        remedy = "list the files, or drop data.columns.kind"
        raise DataError(
            "kinds of events are named twice", received=_candidates(columns, "kind"), remedy=remedy
        )
    if len(tables) == 1 and not any(kinds):
        return tables[0], columns
    errors = ErrorCollector()
    mapped = []
    for table in tables:
        with errors.catch():
            mapped.append(map_columns(table, _own_columns(table, columns, usual, tables), usual))
    errors.raise_any()
    named = {name: list(dict.fromkeys(m[name] for m in mapped if name in m)) for name in usual}
    shown = {name: " or ".join(own) for name, own in named.items() if own}  # in errors, too
    frames = [
        _renamed(table, names, shown, kind)
        for table, names, kind in zip(tables, mapped, kinds, strict=True)
    ]
    frame, source = _stacked(frames, tables, shown), _joined_source(tables)
    findings: list[Finding] = []
    if "time" in shown:
        column = frame[shown["time"]]
        seconds, findings = _seconds(tables, mapped, (column, source), time_format)
        frame = frame.with_columns(pl.from_epoch(seconds, "s").alias(column.name))
    joined = Table(
        frame,
        source,
        findings=(*(finding for table in tables for finding in table.findings), *findings),
        files=tuple(file for table in tables for file in table.files),
    )
    renamed = {n: (shown[n], *_candidates(columns, n)) for n, own in named.items() if len(own) > 1}
    return joined, {**columns, **renamed}


def _candidates(columns: Columns, name: str) -> tuple[str, ...]:
    mapped = columns.get(name, ())
    return (mapped,) if isinstance(mapped, str) else tuple(mapped)


def _own_columns(
    table: Table, columns: Columns, usual: Mapping[str, str], tables: Sequence[Table]
) -> Columns:
    """Return `columns` without those that only other tables have."""
    own = dict(columns)
    for name in set(columns) & set(usual) - set(_IDS):
        candidates = set(_candidates(columns, name))
        elsewhere = any(candidates & set(other.frame.columns) for other in tables)
        if elsewhere and not candidates & set(table.frame.columns):
            del own[name]
    return own


def _renamed(
    table: Table, names: Mapping[str, str], shown: Mapping[str, str], kind: str | None
) -> pl.DataFrame:
    """Return the columns of events under their names in the joined table."""
    frame = table.frame.select(pl.col(column).alias(shown[name]) for name, column in names.items())
    if kind is not None:
        frame = frame.with_columns(pl.lit(kind).alias("kind"))
    if "weight" in shown and "weight" not in names:
        frame = frame.with_columns(pl.lit("1").alias(shown["weight"]))
    return frame


def _seconds(
    tables: Sequence[Table],
    mapped: Sequence[Mapping[str, str]],
    joined: tuple[pl.Series, TableSource],
    time_format: str | None,
) -> tuple[pl.Series, list[Finding]]:
    """Return the times of all events, each table's in its own form; all as one if that fails."""
    seconds: list[pl.Series] = []
    findings: list[Finding] = []
    try:
        for table, names in zip(tables, mapped, strict=True):
            if "time" in names:
                own, more = _own_seconds(table, names["time"], time_format)
                findings += more
            else:
                own = pl.repeat(None, len(table.frame), dtype=pl.Int64, eager=True)
            seconds.append(own.cast(pl.Int64).rename("time"))
    except DataError as error:  # its dates may be ambiguous without the others'
        try:
            return parse_times(*joined, time_format)
        except DataError:
            raise error from None
    return pl.concat(seconds), findings


def _own_seconds(
    table: Table, column: str, time_format: str | None
) -> tuple[pl.Series, list[Finding]]:
    source = replace(table.source, columns={"time": column})
    try:
        return parse_times(table.frame[column], source)
    except DataError:
        if time_format is None:
            raise
        return parse_times(table.frame[column], source, time_format)


def _stacked(
    frames: Sequence[pl.DataFrame], tables: Sequence[Table], shown: Mapping[str, str]
) -> pl.DataFrame:
    """Return the frames below each other; cells of several types become text."""
    ids = {shown[name]: name for name in _IDS}
    types: dict[str, set[pl.DataType]] = {}
    for frame in frames:
        for column, kind in frame.schema.items():
            types.setdefault(column, set()).add(kind)
    mixed = {column for column, kinds in types.items() if len(kinds) > 1}
    texts = []
    for frame, table in zip(frames, tables, strict=True):
        cells = [
            ids_to_text(frame[column], table.source, ids[column])
            if column in ids
            else to_text(frame[column])
            for column in frame.columns
            if column in mixed
        ]
        texts.append(frame.with_columns(cells))
    return pl.concat(texts, how="diagonal")


def _joined_source(tables: Sequence[Table]) -> TableSource:
    """Return the source of joined rows: a row's line is "in orders.csv line 17"."""
    starts = np.cumsum([0, *(len(table.frame) for table in tables)])

    def line(row: int) -> str:
        number = int(np.searchsorted(starts, row, side="right")) - 1
        source = tables[number].source
        return f"in {source.file} {source.line(row - int(starts[number]))}"

    return TableSource("the events", line=line, decimal=tables[0].source.decimal)


def join_items(tables: Sequence[Table], columns: Columns, usual: Mapping[str, str]) -> Table:
    """Return the first table of items with the columns of the others, joined on the item's id.

    A column name that exists already is prefixed with the file's: "prices.name".
    """
    joined = tables[0]
    if len(tables) == 1:
        return joined
    frame = _keyed(joined, columns, usual, keep=True)
    findings, files = joined.findings, joined.files
    for table in tables[1:]:
        other = _keyed(table, columns, usual, keep=False).filter(pl.col(_KEY).is_not_null())
        _check_unique(other, table.source.file)
        stem = table.source.file.partition(".")[0]
        taken = {c: f"{stem}.{c}" for c in other.columns if c in frame.columns and c != _KEY}
        unmatched = other.join(frame, on=_KEY, how="anti")[_KEY]
        findings += table.findings + tuple(
            finding_for("warning", f"rows of {table.source.file} without an item", unmatched,
                    f"{joined.source.file} has no such ids: they are dropped")
        )  # fmt: skip
        files += table.files
        frame = frame.join(other.rename(taken), on=_KEY, how="left", maintain_order="left")
    return replace(joined, frame=frame.drop(_KEY), findings=findings, files=files)


def _keyed(table: Table, columns: Columns, usual: Mapping[str, str], *, keep: bool) -> pl.DataFrame:
    """Return a table with the ids in a column for the join; `keep` their own column, too."""
    mapped = {name: column for name, column in columns.items() if name == "item"}
    names = map_columns(table, mapped, {"item": usual["item"]})
    source = replace(table.source, columns=names)
    ids = ids_to_text(table.frame[names["item"]], source, "item").alias(_KEY)
    return (table.frame if keep else table.frame.drop(names["item"])).with_columns(ids)


def _check_unique(frame: pl.DataFrame, file: str) -> None:
    repeated = frame[_KEY].filter(frame[_KEY].is_duplicated())
    if len(repeated):
        received = repeated.unique(maintain_order=True).head(3).to_list()
        remedy = "give each item one row"
        raise DataError(f"{file} has several rows for one item", received=received, remedy=remedy)
