"""Build a clean, split data set from the tables of a reader."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from polyrec.artifact.feature_pack import PACK_SUFFIX, read_pack
from polyrec.config import DataConfig, MinEvents
from polyrec.config.event_weights import UNNAMED_KIND, EventWeights
from polyrec.data import splits
from polyrec.data.catalog import build_catalog, load_array
from polyrec.data.item_metadata import METADATA_COLUMNS
from polyrec.data.sorting import unique_sorted
from polyrec.data.tables import parse_times
from polyrec.data.validation import (
    Finding,
    Validation,
    check_behaviour,
    dataset_counts,
    finding_for,
)
from polyrec.errors import DataError, nearest
from polyrec.registry import find_class
from polyrec.types import (
    NO_TIME,
    Catalog,
    Dataset,
    Floats,
    Interactions,
    Ints,
    SourceTables,
    id_problem,
)


@dataclass(frozen=True)
class LoadedDataset:
    """A data set, its validation, and the sha256 of its ids and events."""

    dataset: Dataset
    validation: Validation
    fingerprint: str


def load_dataset(config: DataConfig, *, weights: Mapping[str, float], seed: int) -> LoadedDataset:
    """Return the data set of a config: read, indexed, weighted, cleaned and split.

    `weights` maps a kind of event to its weight. Items keep the order of the items table; items
    that are only in events follow. Each kind counts once per user-item pair, the latest event.
    """
    return build_dataset(_read_tables(config), config, weights=weights, seed=seed)


def read_catalog(config: DataConfig) -> Catalog:
    """Return the items of a config with their content."""
    tables = _read_tables(config)
    findings: list[Finding] = []
    items = _item_ids(config, tables, _complete_events(tables.events, findings), findings)
    return build_catalog(config, tables, items)[0]


def _read_tables(config: DataConfig) -> SourceTables:
    """Return the tables of a config's reader, which renames only the columns it knows."""
    known = {}
    for name, column in config.columns.items():
        if name in METADATA_COLUMNS:
            continue
        if not isinstance(column, str):
            remedy = "name one column"
            raise DataError(f"several columns for {name}", received=column, remedy=remedy)
        known[name] = column
    tables: SourceTables = find_class("data", config.use)().read(config.path, known)
    return tables


def build_dataset(
    tables: SourceTables, config: DataConfig, *, weights: Mapping[str, float], seed: int
) -> LoadedDataset:
    """Return the data set of source tables; see `load_dataset`."""
    findings: list[Finding] = []
    frame = _complete_events(tables.events, findings)
    items = _item_ids(config, tables, frame, findings)
    users = frame["user"].unique().sort()
    kinds, events = _events(frame, users, items, config, weights)
    for what, ids in (("user", users), ("item", items), ("kind", kinds)):
        _check_ids(what, ids)
    given = _given_split(frame)
    del frame  # the largest object here: freed before the rest is built
    tables = replace(tables, events=pl.DataFrame())
    catalog, content_findings = build_catalog(config, tables, items)
    kept = _latest_events(events, given, findings)
    kept = kept[_k_core(events, kept, config.min_events)]
    events, given = events.take(kept), None if given is None else given[kept]
    parts = splits.split_events(config.split, events, given, seed=seed)
    train, valid, test = (_part(events, parts, name) for name in splits.SPLITS)
    names = tuple(map(str, users.to_list()))
    dataset = Dataset(catalog, names, kinds, train, valid, test)
    findings += content_findings + check_behaviour(dataset)
    if not len(valid):
        remedy = "settings can't be chosen: give data.split a valid share"
        findings += [Finding("warning", "the valid split is empty", 0, (), remedy)]
    validation = Validation(dataset_counts(dataset), tuple(findings))
    return LoadedDataset(dataset, validation, _fingerprint(dataset))


def _events(
    frame: pl.DataFrame,
    users: pl.Series,
    items: pl.Series,
    config: DataConfig,
    kind_weights: Mapping[str, float],
) -> tuple[tuple[str, ...], Interactions]:
    """Return the names of the kinds, and the events with row numbers and weights."""
    kinds, codes = _kinds(frame)
    if "kind" in frame.columns:
        _check_kinds(kinds, kind_weights)
    events = Interactions(
        users=_rows_of(frame["user"], users),
        items=_rows_of(frame["item"], items),
        times=_times(frame),
        weights=_weights(frame, kinds, codes, EventWeights(kind_weights, config.min_rating)),
        kinds=codes,
        shape=(len(users), len(items)),
    )
    return kinds, events


def _complete_events(frame: pl.DataFrame, findings: list[Finding]) -> pl.DataFrame:
    """Return the events that have a user and an item."""
    if not len(frame):
        raise DataError("there are no events", received="0 rows", remedy="check data.path")
    incomplete = frame["user"].is_null() | frame["item"].is_null()
    if not incomplete.any():
        return frame
    rows = np.flatnonzero(incomplete.to_numpy())
    findings += finding_for("warning", "events without user or item", rows, "they are dropped")
    return frame.filter(~incomplete)


def _item_ids(
    config: DataConfig, tables: SourceTables, frame: pl.DataFrame, findings: list[Finding]
) -> pl.Series:
    """Return the item ids: those of the items table, then those that are only in events."""
    used = frame["item"].unique().sort()
    listed = _listed_ids(config, tables, used)
    if listed is None:
        return used
    if listed.null_count() or listed.n_unique() < len(listed):
        repeated = listed.filter(listed.is_duplicated()).unique().head(3).to_list()
        remedy = "give each item one row with its own id"
        raise DataError("duplicate or empty item ids", received=repeated, remedy=remedy)
    if listed.dtype != used.dtype:
        listed, used = listed.cast(pl.String), used.cast(pl.String)
    unlisted = used.filter(~used.is_in(listed.implode()))
    if len(unlisted) == len(used):
        received = f"{used[0]!r} in events, {listed[0]!r} in items" if len(listed) else "no items"
        raise DataError("no item of an event is in the items table", received=received,
                        remedy="check data.columns.item")  # fmt: skip
    remedy = "they are kept, without content"
    findings += finding_for("warning", "ids without items", unlisted, remedy)
    return pl.concat([listed, unlisted])


def _listed_ids(config: DataConfig, tables: SourceTables, used: pl.Series) -> pl.Series | None:
    if tables.items is not None:
        return tables.items["item"]
    sources = [config.path / file for file in config.features.values()]
    sources += [] if config.features else list(tables.features.values())  # type: ignore[arg-type]
    if not sources:
        return None
    if isinstance(sources[0], Path) and sources[0].suffix == PACK_SUFFIX:
        pack = read_pack(sources[0], next(iter(config.features)))
        return pl.Series(pack.ids, dtype=pl.String)
    if not used.dtype.is_integer():
        raise DataError("feature rows without an items file", received=str(used.dtype),
                        remedy="add items.csv, or number the items from 0")  # fmt: skip
    return pl.Series(np.arange(len(load_array(sources[0]))), dtype=used.dtype)


def _rows_of(column: pl.Series, ids: pl.Series) -> Ints:
    """Return the row of each id."""
    keys = pl.DataFrame({"id": ids, "row": np.arange(len(ids))})
    rows = pl.DataFrame({"id": column.cast(ids.dtype)}).join(
        keys, on="id", how="left", maintain_order="left"
    )
    return rows["row"].to_numpy().astype(np.int64, copy=False)


def _kinds(frame: pl.DataFrame) -> tuple[tuple[str, ...], npt.NDArray[np.int16]]:
    if "kind" not in frame.columns:
        return (UNNAMED_KIND,), np.zeros(len(frame), np.int16)
    kinds = frame["kind"].cast(pl.String).fill_null(UNNAMED_KIND)
    names = kinds.unique().sort()
    return tuple(names.to_list()), _rows_of(kinds, names).astype(np.int16)


def _check_ids(what: str, ids: Iterable[object]) -> None:
    """Raise `DataError` for ids that the service could not address."""
    texts = map(str, ids)
    invalid = [(text, problem) for text in texts if (problem := id_problem(text)) is not None]
    if invalid:
        received = ", ".join(repr(text[:40]) for text, _ in invalid[:5])
        remedy = f"{invalid[0][1]}: rename or drop them"
        raise DataError(f"{len(invalid):,} invalid {what} ids", received=received, remedy=remedy)


def _check_kinds(kinds: Sequence[str], kind_weights: Mapping[str, float]) -> None:
    """Raise `DataError` for kinds without a weight in the config."""
    unknown = [kind for kind in kinds if kind not in kind_weights]
    if not unknown:
        return
    known = f" ({nearest(unknown[0], kind_weights)})" if kind_weights else ""
    remedy = (
        f"give it a weight: data.kinds.{unknown[0]}, below 0 for a dislike{known}; "
        "or use a preset: shop, social or media"
    )
    raise DataError("unknown kinds of events", received=unknown[:5], remedy=remedy)


def _times(frame: pl.DataFrame) -> Ints:
    if "time" not in frame.columns:
        return np.full(len(frame), NO_TIME)
    return parse_times(frame["time"]).fill_null(NO_TIME).to_numpy().astype(np.int64)


def _weights(
    frame: pl.DataFrame, kinds: Sequence[str], codes: npt.NDArray[np.int16], rule: EventWeights
) -> Floats:
    """Return each event's weight by the rule, times the weight column."""
    ratings = None
    if rule.min_rating is not None:
        if "rating" not in frame.columns:
            raise DataError("data.min_rating needs ratings", received=", ".join(frame.columns),
                            remedy="set data.columns.rating")  # fmt: skip
        ratings = _finite(frame["rating"], "rating")
    weights = rule.of_events(kinds, codes, ratings=ratings)
    return weights * _finite(frame["weight"], "weight") if "weight" in frame.columns else weights


def _finite(column: pl.Series, name: str) -> Floats:
    values = column.cast(pl.Float32, strict=False).fill_null(np.nan).to_numpy()
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        received = f"{column[row]!r} in row {row}"
        remedy = "fix or drop the row"
        raise DataError(f"a {name} is not a finite number", received=received, remedy=remedy)
    return values


def _given_split(frame: pl.DataFrame) -> splits.Codes | None:
    if "split" not in frame.columns:
        return None
    names = frame["split"].cast(pl.String)
    unknown = names.filter(~names.is_in(list(splits.SPLITS)) | names.is_null())
    if len(unknown):
        remedy = f"use {', '.join(splits.SPLITS)}"
        raise DataError("unknown split", received=unknown[0], remedy=remedy)
    codes = dict(zip(splits.SPLITS, range(3), strict=True))
    return names.replace_strict(codes, return_dtype=pl.Int8).to_numpy()


def _latest_events(
    events: Interactions, given: splits.Codes | None, findings: list[Finding]
) -> Ints:
    """Return the events to keep: the latest of each user, item and kind (and given split)."""
    keys = (events.users * events.shape[1] + events.items) * (int(events.kinds.max()) + 1)
    keys = (keys + events.kinds) * 3 + (0 if given is None else given)
    if len(unique_sorted(keys)) == len(keys):
        return np.arange(len(keys))
    order = np.argsort(keys)
    equal = np.diff(keys[order], prepend=-1, append=-1) == 0  # (e + 1,) to the key before
    repeated = order[equal[:-1] | equal[1:]]
    by_time = repeated[np.lexsort((repeated, events.times[repeated], keys[repeated]))]
    earlier = np.zeros(len(by_time), bool)
    earlier[:-1] = np.diff(keys[by_time]) == 0
    kept = np.ones(len(keys), bool)
    kept[by_time[earlier]] = False
    dropped = np.flatnonzero(~kept)
    remedy = "each kind counts once per pair, the latest"
    findings += finding_for("note", "repeated events", dropped, remedy)
    return np.flatnonzero(kept)


def _k_core(events: Interactions, kept: Ints, least: MinEvents) -> Ints:
    """Return positions in `kept` of the k-core of users and items (`MinEvents`)."""
    alive = np.arange(len(kept))
    while (least.user > 1 or least.item > 1) and len(alive):
        users, items = events.users[kept[alive]], events.items[kept[alive]]
        pairs = unique_sorted(users * events.shape[1] + items)
        of_user = np.bincount(pairs // events.shape[1], minlength=events.shape[0])
        of_item = np.bincount(pairs % events.shape[1], minlength=events.shape[1])
        enough = (of_user[users] >= least.user) & (of_item[items] >= least.item)
        if enough.all():
            break
        alive = alive[enough]
    return alive


def _part(events: Interactions, parts: splits.Codes, name: str) -> Interactions:
    part = events.take(np.flatnonzero(parts == splits.SPLITS.index(name)))
    if name != "valid" and not len(part):
        raise DataError(f"the {name} split is empty", received=f"{len(parts):,} events",
                        remedy="choose another data.split, or lower data.min_events")  # fmt: skip
    return part


def _fingerprint(dataset: Dataset) -> str:
    digest = hashlib.sha256()
    for ids in (dataset.users, dataset.catalog.ids, dataset.kinds):
        digest.update("\0".join(ids).encode())
    for part in (dataset.train, dataset.valid, dataset.test):
        for array in (part.users, part.items, part.times, part.weights, part.kinds):
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
