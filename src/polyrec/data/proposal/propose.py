"""Propose the config of a folder: find its files, what they are, and what their columns are."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path

import polars as pl

from polyrec.config import DataConfig, DialectConfig
from polyrec.data.frames import FileReader
from polyrec.data.load import read_tables
from polyrec.data.media_files import MediaFolder
from polyrec.data.proposal.content import DataProposal, propose_content, propose_metadata
from polyrec.data.proposal.events import (
    distinct_names,
    propose_event_files,
    propose_kind_column,
    propose_kinds,
    propose_users,
)
from polyrec.data.proposal.hints import generic_names, has_hint
from polyrec.data.proposal.profile import Column, TableProfile, Times
from polyrec.data.proposal.relations import EventFile, find_relations
from polyrec.errors import DataError, PolyrecError
from polyrec.source_tables import SourceTables

_FORMATS = (
    ("mmrec", ("*.inter",), "x_label"),
    ("recbole", ("*.inter",), ":token"),
    ("movielens", ("ratings.dat", "movies.dat"), "::"),
    ("movielens", ("u.data",), "\t"),
    ("movielens", ("ratings.csv", "movies.csv"), "movieId"),
    ("csv_npy", ("text_data.csv", "labels.npy"), ""),
    ("gorse", ("feedback.json*",), "FeedbackType"),
    ("amazon", ("*.json*",), "reviewerID"),
    ("amazon", ("*.json*",), "parent_asin"),
)
"""Reader, its files, and what the first line of each kind of them contains."""

_TABLES = (".parquet", ".csv", ".tsv", ".txt", ".dat", ".json", ".jsonl", ".ndjson")
_DEPTH = 2  # folders below the data folder that are searched for tables
_MIN_RATINGS = ((1, 1), (5, 4), (10, 7), (100, 70))  # highest rating, from which on it is liked


def propose_data(folder: Path) -> DataProposal:
    """Return the proposal for a folder; its `data.path` is left to the caller."""
    if not folder.is_dir():
        raise DataError(
            "no such folder", received=str(folder), remedy="name the folder of the data"
        )
    proposal = DataProposal()
    use = _known_format(folder)
    if use == "folder":
        _propose_tables(proposal, folder)
    else:
        proposal.set("use", use, "by the names of the files")
    users = next((name for name in ("users.dat", "u.user") if (folder / name).is_file()), "")
    if use == "movielens" and users:
        proposal.map("user_labels", ["gender", "age", "occupation"], users)
    config = DataConfig.model_validate(
        {"path": folder, **proposal.data, "columns": proposal.columns}
    )
    tables = read_tables(config)
    _propose_ratings(proposal, tables)
    if "kind" in tables.events.columns and "kinds" not in proposal.data:
        propose_kinds(proposal, Column("kind", tables.events["kind"], tables.event_source).distinct)
    if tables.items is not None:
        key_name = tables.item_source.column("item")
        columns = [
            column
            for name in tables.items.columns
            if (column := Column(name, tables.items[name], tables.item_source)).filled
        ]
        rest = propose_content(proposal, columns, key_name, MediaFolder(folder))
        if not tables.metadata:  # else the format has its own
            propose_metadata(proposal, rest)
    return proposal


def _known_format(folder: Path) -> str:
    """Return the reader for a folder in a format of its own, else "folder"."""
    heads = {path.name: path for path in sorted(folder.iterdir()) if path.is_file()}
    for use, files, word in _FORMATS:
        for pattern in files:
            paths = [path for name, path in heads.items() if fnmatch(name, pattern)]
            if not paths or not any(word in _first_line(path) for path in paths):
                break
        else:
            return use
    return "folder"


def _first_line(path: Path) -> str:
    raw = gzip.open if path.suffix == ".gz" else open
    with raw(path, "rb") as file:
        return file.readline(1 << 16).decode("utf-8", errors="replace")


def _propose_tables(proposal: DataProposal, folder: Path) -> None:
    tables = list(_read_all(folder, proposal))
    if not tables:
        received = ", ".join(sorted(path.name for path in folder.iterdir())[:10]) or "nothing"
        remedy = f"export events as one of {', '.join(_TABLES)}"
        raise DataError("no table in the folder", received=received, remedy=remedy)
    relations = find_relations(tables)
    events = [relations.events, *relations.further]
    propose_event_files(proposal, events)
    matched = ""
    if relations.items:
        files = [match.other.file for match in relations.items]
        matched = f"; {relations.items[0].overlap:.0%} are in {files[0]}"
        rows = " and ".join(f"{match.other.rows:,}" for match in relations.items)
        proposal.set("items", files, f"{rows} rows")
    user, item = relations.events.user, relations.events.item
    each = user.filled / len(user.distinct)
    keys = [relations.users.key] if relations.users else []
    users = distinct_names(*(file.user for file in events), *keys)
    proposal.map("user", users, f"{len(user.distinct):,} users, {each:.1f} rows each")
    items = [*(file.item for file in events), *(match.key for match in relations.items)]
    proposal.map("item", list(dict.fromkeys(column.name for column in items)),
                 f"{len(item.distinct):,} items{matched}")  # fmt: skip
    _propose_time(proposal, events)
    if not isinstance(proposal.data["interactions"], dict):
        propose_kind_column(proposal, relations.events.rest)
    ratings = [column for file in events for column in file.rest if column.is_rating]
    if ratings:
        proposal.map("rating", distinct_names(*ratings), "numbers")
    if any(column.name == "weight" for file in events for column in file.rest):
        proposal.map("weight", "weight", "multiplies the weight of its event")  # by its usual name
    if relations.users is not None:
        propose_users(proposal, relations.users)
    proposal.checks += relations.checks
    unused = [table.file for table in tables if table.file not in relations.used]
    proposal.checks += [f"{file}: not used" for file in unused]
    headers = proposal.data.get("dialect", {})
    used = {name: head for name, head in headers.items() if name not in map(_file_name, unused)}
    if headers:
        proposal.set("dialect", used) if used else proposal.data.pop("dialect")


def _file_name(file: str) -> str:
    return file.rpartition("/")[2]


def _read_all(folder: Path, proposal: DataProposal) -> Iterator[TableProfile]:
    """Yield the tables of a folder and of the folders in it."""
    reader = FileReader()
    for home, folders, names in os.walk(folder):
        depth = len(Path(home).relative_to(folder).parts)
        folders[:] = sorted(f for f in folders if not f.startswith(".")) if depth < _DEPTH else []
        for name in sorted(names):
            path = Path(home, name)
            if not _is_table(path) or name.startswith("."):
                continue
            file = path.relative_to(folder).as_posix()
            try:
                profile = _profile(TableProfile(file, reader.table(path)), path, proposal)
            except PolyrecError as error:
                proposal.checks.append(f"{file}: not used, {error.what}")
                continue
            if profile.rows and len(profile.columns) > 1:
                yield profile
            else:
                proposal.checks.append(f"{file}: not used, no table")


def _profile(profile: TableProfile, path: Path, proposal: DataProposal) -> TableProfile:
    """Return the profile of a table; one without a header is read again, with generic names."""
    if not profile.lacks_header:
        return profile
    names = generic_names(profile.stem, len(profile.table.frame.columns))
    proposal.set("dialect", {**proposal.data.get("dialect", {}), path.name: {"header": names}})
    proposal.checks.append(f"{profile.file}: no header, so what its columns are is a guess")
    dialect = {path.name: DialectConfig(header=tuple(names))}
    return TableProfile(profile.file, FileReader(dialect=dialect).table(path))


def _is_table(path: Path) -> bool:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in (".gz", ".zst"):
        suffixes.pop()
    return bool(suffixes) and suffixes[-1] in _TABLES


def _propose_time(proposal: DataProposal, files: Sequence[EventFile]) -> None:
    timed = {
        file.table.file: column for file in files if (column := _time_column(file.rest)) is not None
    }
    if not timed:
        proposal.checks.append("time: no column holds times, so the split is random")
        return
    for file in files:
        if file.table.file not in timed:
            proposal.checks.append(f"time: no column of {file.table.file} holds times")
    spans = {name: _span(column.times) for name, column in timed.items() if column.times}
    proposal.map("time", distinct_names(*timed.values()), "; ".join(spans.values()))
    guessed = [column.times for column in timed.values() if column.times]
    times = next((times for times in guessed if times.time_format is not None), None)
    if times is not None:
        proposal.set("time_format", times.time_format, "ambiguous without it")
        proposal.checks.append(f"time_format: could the dates be read otherwise? {_span(times)}")


def _time_column(columns: Sequence[Column]) -> Column | None:
    timed = [column for column in columns if column.times is not None]
    return max(
        timed,
        key=lambda c: has_hint(c.name, "time") - 2 * ("birth" in c.name.lower()),
        default=None,
    )


def _span(times: Times) -> str:
    first, last = (
        datetime.fromtimestamp(s, UTC).date().isoformat() for s in (times.first, times.last)
    )
    return f"all cells are times, {first} to {last}" + (f"; {times.note}" if times.note else "")


def _propose_ratings(proposal: DataProposal, tables: SourceTables) -> None:
    """Add `min_rating` if events have ratings."""
    if "rating" not in tables.events.columns:
        return
    column = Column("rating", tables.events["rating"], tables.event_source)
    if column.numbers is None:
        return
    ratings = column.numbers.drop_nulls()
    highest = ratings.max()
    if not isinstance(highest, int | float):
        return
    least = next((least for top, least in _MIN_RATINGS if highest <= top), None)
    if least is not None and isinstance(ratings, pl.Series):
        share = float((ratings >= least).mean() or 0)  # type: ignore[arg-type]
        proposal.set("min_rating", least, f"{share:.0%} of the ratings; lower ones count as seen")
