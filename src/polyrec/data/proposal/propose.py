"""Propose the config of a folder: find its files, what they are, and what their columns are."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path

import polars as pl

from polyrec.config import PRESETS, DataConfig
from polyrec.data.frames import FileReader
from polyrec.data.load import read_tables
from polyrec.data.media_files import MediaFolder
from polyrec.data.proposal.content import DataProposal, propose_content, propose_metadata
from polyrec.data.proposal.hints import has_hint
from polyrec.data.proposal.profile import Column, TableProfile, Times
from polyrec.data.proposal.relations import Relations, find_relations
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
_MAX_KINDS = 12
_MIN_RATINGS = ((1, 1), (5, 4), (10, 7), (100, 70))  # highest rating, from which on it is liked
_KINDS = {
    1.0: "view click visit play open impression listen watch stream read browse",
    2.0: "cart basket add checkout like favorite favourite save wishlist follow share star heart",
    4.0: "purchase buy order bought sale transaction complete subscribe",
    -2.0: "dislike hide report remove return refund skip block unlike",
}


def propose_data(folder: Path) -> DataProposal:
    """Return the proposal for a folder; its `data.path` is left to the caller."""
    if not folder.is_dir():
        raise DataError(
            "no such folder", received=str(folder), remedy="name the folder of the data"
        )
    proposal = DataProposal()
    use = _known_format(folder)
    if use == "folder":
        relations = _propose_tables(proposal, folder)
        key = [relations.item.name, *(match.key.name for match in relations.items)]
        proposal.columns["item"] = list(dict.fromkeys(key))
    else:
        proposal.set("use", use, "by the names of the files")
    config = DataConfig.model_validate(
        {"path": folder, **proposal.data, "columns": proposal.columns}
    )
    tables = read_tables(config)
    _propose_ratings(proposal, tables)
    if "kind" in tables.events.columns and "kinds" not in proposal.data:
        _set_kinds(proposal, Column("kind", tables.events["kind"], tables.event_source))
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


def _propose_tables(proposal: DataProposal, folder: Path) -> Relations:
    tables = list(_read_all(folder, proposal))
    if not tables:
        received = ", ".join(sorted(path.name for path in folder.iterdir())[:10]) or "nothing"
        remedy = f"export events as one of {', '.join(_TABLES)}"
        raise DataError("no table in the folder", received=received, remedy=remedy)
    relations = find_relations(tables)
    events = relations.events
    proposal.set("interactions", events.file, f"{events.rows:,} rows")
    matched = ""
    if relations.items:
        files = [match.other.file for match in relations.items]
        matched = f"; {relations.items[0].overlap:.0%} are in {files[0]}"
        rows = " and ".join(f"{match.other.rows:,}" for match in relations.items)
        proposal.set("items", files, f"{rows} rows")
    user, item = relations.user, relations.item
    each = user.filled / len(user.distinct)
    proposal.map("user", user.name, f"{len(user.distinct):,} users, {each:.1f} rows each")
    proposal.map("item", item.name, f"{len(item.distinct):,} items{matched}")
    taken = {user.name, item.name}
    rest = [column for column in events.columns if column.name not in taken]
    _propose_time(proposal, rest)
    _propose_kinds(proposal, rest)
    rating = next((c for c in rest if has_hint(c.name, "rating") and c.numbers is not None), None)
    if rating is not None:
        proposal.map("rating", rating.name, "numbers")
    if any(column.name == "weight" for column in rest):  # which the reader uses by its name
        proposal.map("weight", "weight", "multiplies the weight of its event")
    proposal.checks += relations.checks
    for file in relations.unused:
        why = (
            "users: not used by models"
            if relations.users and file == relations.users.other.file
            else "not used"
        )
        proposal.checks.append(f"{file}: {why}")
    return relations


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
                profile = TableProfile(file, reader.table(path))
            except PolyrecError as error:
                proposal.checks.append(f"{file}: not used, {error.what}")
                continue
            if profile.rows and len(profile.columns) > 1:
                yield profile
            else:
                proposal.checks.append(f"{file}: not used, no table")


def _is_table(path: Path) -> bool:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in (".gz", ".zst"):
        suffixes.pop()
    return bool(suffixes) and suffixes[-1] in _TABLES


def _propose_time(proposal: DataProposal, columns: Sequence[Column]) -> None:
    timed = {c.name: c.times for c in columns if c.times is not None}
    if not timed:
        proposal.checks.append("time: no column holds times, so the split is random")
        return
    name = max(timed, key=lambda n: has_hint(n, "time") - 2 * ("birth" in n.lower()))
    times = timed[name]
    proposal.map("time", name, _span(times))
    if times.time_format is not None:
        proposal.set("time_format", times.time_format, "ambiguous without it")
        proposal.checks.append(f"time_format: could the dates be read otherwise? {_span(times)}")


def _span(times: Times) -> str:
    first, last = (
        datetime.fromtimestamp(s, UTC).date().isoformat() for s in (times.first, times.last)
    )
    return f"all cells are times, {first} to {last}" + (f"; {times.note}" if times.note else "")


def _propose_kinds(proposal: DataProposal, columns: Sequence[Column]) -> None:
    for column in columns:
        if not has_hint(column.name, "kind") or column.numbers is not None or column.is_list:
            continue
        if len(column.distinct) <= _MAX_KINDS and column.times is None:
            proposal.map("kind", column.name, f"{len(column.distinct)} kinds of events")
            _set_kinds(proposal, column)
            return


def _set_kinds(proposal: DataProposal, column: Column) -> None:
    weights = {kind: _weight(kind) for kind in column.distinct}
    chosen = {kind: 1.0 if weight is None else weight for kind, weight in weights.items()}
    proposal.set("kinds", chosen, "weights; below 0 is a dislike")
    unknown = [kind for kind, weight in weights.items() if weight is None]
    if unknown:
        proposal.checks.append(f"kinds: the weights of {', '.join(unknown)} are guesses")


def _weight(kind: str) -> float | None:
    """Return the weight of a kind of event by its name, None for an unknown one."""
    presets: Mapping[str, float] = {k: w for preset in PRESETS.values() for k, w in preset.items()}
    if kind in presets:
        return presets[kind]
    words = "".join(c if c.isalnum() else " " for c in kind.lower()).split()
    for weight, known in reversed(_KINDS.items()):
        if any(word.removesuffix("s") in known.split() for word in words):
            return weight
    return None


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
