"""From a reader's tables to a clean, split data set."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from polyrec.artifact.feature_pack import PACK_SUFFIX, read_pack
from polyrec.config import DataConfig, MinEvents
from polyrec.config.event_weights import UNNAMED_KIND, EventWeights
from polyrec.data import splits
from polyrec.data.catalog import load_array, make_catalog
from polyrec.data.tables import seconds
from polyrec.data.validation import Finding, Validation, behaviour, count, distinct, finding
from polyrec.errors import DataError, nearest
from polyrec.registry import find_class
from polyrec.types import NO_TIME, Catalog, Dataset, Floats, Interactions, Ints, SourceTables


@dataclass(frozen=True)
class LoadedDataset:
    """A data set, what was found on the way, and the sha256 of its ids and events."""

    dataset: Dataset
    validation: Validation
    fingerprint: str


def load_dataset(config: DataConfig, *, weights: Mapping[str, float], seed: int) -> LoadedDataset:
    """Return the data set of a config: read, numbered, weighted, cleaned and split.

    `weights` says what one event of each kind is worth. Catalogue rows keep the order of the items
    table; items met only in events follow. Each kind counts once per user-item pair, the latest.
    """
    tables: SourceTables = find_class("data", config.use)().read(config.path, config.columns)
    return build_dataset(tables, config, weights=weights, seed=seed)


def read_catalog(config: DataConfig) -> Catalog:
    """Return the items of a config with their content, behaviour aside."""
    tables: SourceTables = find_class("data", config.use)().read(config.path, config.columns)
    found: list[Finding] = []
    items = _item_ids(config, tables, _whole_rows(tables.events, found), found)
    return make_catalog(config, tables, items)[0]


def build_dataset(
    tables: SourceTables, config: DataConfig, *, weights: Mapping[str, float], seed: int
) -> LoadedDataset:
    """Return the data set that tables hold, however they were read (see `load_dataset`)."""
    found: list[Finding] = []
    frame = _whole_rows(tables.events, found)
    items = _item_ids(config, tables, frame, found)
    users = frame["user"].unique().sort()
    kinds, events = _events(frame, users, items, config, weights)
    given = _given(frame)
    del frame  # the largest thing here: not kept while the rest is made
    tables = replace(tables, events=pl.DataFrame())
    catalog, odd = make_catalog(config, tables, items)
    kept = _latest(events, given, found)
    kept = kept[_core(events, kept, config.min_events)]
    events, given = events.take(kept), None if given is None else given[kept]
    parts = splits.split(config.split, events, given, seed=seed)
    train, valid, test = (_part(events, parts, name) for name in splits.NAMES)
    names = tuple(map(str, users.to_list()))
    dataset = Dataset(catalog, names, kinds, train, valid, test)
    found += odd + behaviour(dataset)
    if not len(valid):
        remedy = "settings can't be chosen: give data.split a valid share"
        found += [Finding("warning", "the valid split is empty", 0, (), remedy)]
    return LoadedDataset(dataset, Validation(count(dataset), tuple(found)), _fingerprint(dataset))


def _events(
    frame: pl.DataFrame,
    users: pl.Series,
    items: pl.Series,
    config: DataConfig,
    kind_weights: Mapping[str, float],
) -> tuple[tuple[str, ...], Interactions]:
    """Return the names of the kinds, and the events numbered and weighted."""
    kinds, codes = _kinds(frame)
    if "kind" in frame.columns:
        _check_kinds(kinds, kind_weights)
    events = Interactions(
        users=_numbers(frame["user"], users),
        items=_numbers(frame["item"], items),
        times=_times(frame),
        weights=_weights(frame, kinds, codes, EventWeights(kind_weights, config.min_rating)),
        kinds=codes,
        shape=(len(users), len(items)),
    )
    return kinds, events


def _whole_rows(frame: pl.DataFrame, found: list[Finding]) -> pl.DataFrame:
    """Return the rows that name a user and an item."""
    if not len(frame):
        raise DataError("there are no events", received="0 rows", remedy="check data.path")
    broken = frame["user"].is_null() | frame["item"].is_null()
    if not broken.any():
        return frame
    rows = np.flatnonzero(broken.to_numpy())
    found += finding("warning", "events without user or item", rows, "they are left out")
    return frame.filter(~broken)


def _item_ids(
    config: DataConfig, tables: SourceTables, frame: pl.DataFrame, found: list[Finding]
) -> pl.Series:
    """Return the ids of the catalogue: the items table's, then those met only in events."""
    met = frame["item"].unique().sort()
    known = _known_ids(config, tables, met)
    if known is None:
        return met
    if known.null_count() or known.n_unique() < len(known):
        twice = known.filter(known.is_duplicated()).unique().head(3).to_list()
        remedy = "give each item one row with its own id"
        raise DataError("duplicate or empty item ids", received=twice, remedy=remedy)
    if known.dtype != met.dtype:
        known, met = known.cast(pl.String), met.cast(pl.String)
    further = met.filter(~met.is_in(known.implode()))
    if len(further) == len(met):
        received = f"{met[0]!r} in events, {known[0]!r} in items" if len(known) else "no items"
        raise DataError("no event's item is in the items table", received=received,
                        remedy="check data.columns.item")  # fmt: skip
    remedy = "they are kept, without content"
    found += finding("warning", "ids without items", further, remedy)
    return pl.concat([known, further])


def _known_ids(config: DataConfig, tables: SourceTables, met: pl.Series) -> pl.Series | None:
    if tables.items is not None:
        return tables.items["item"]
    sources = [config.path / file for file in config.features.values()]
    sources += [] if config.features else list(tables.features.values())  # type: ignore[arg-type]
    if not sources:
        return None
    if isinstance(sources[0], Path) and sources[0].suffix == PACK_SUFFIX:
        pack = read_pack(sources[0], next(iter(config.features)))
        return pl.Series(pack.ids, dtype=pl.String)
    if not met.dtype.is_integer():
        raise DataError("feature rows without an items file", received=str(met.dtype),
                        remedy="add items.csv, or number the items from 0")  # fmt: skip
    return pl.Series(np.arange(len(load_array(sources[0]))), dtype=met.dtype)


def _numbers(column: pl.Series, ids: pl.Series) -> Ints:
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
    return tuple(names.to_list()), _numbers(kinds, names).astype(np.int16)


def _check_kinds(kinds: Sequence[str], kind_weights: Mapping[str, float]) -> None:
    """Raise `DataError` for kinds that the config does not weigh."""
    unknown = [kind for kind in kinds if kind not in kind_weights]
    if not unknown:
        return
    known = f" ({nearest(unknown[0], kind_weights)})" if kind_weights else ""
    remedy = (
        f"say what one is worth: data.kinds.{unknown[0]}, below 0 for a dislike{known}; "
        "or take a preset: shop, social or media"
    )
    raise DataError("unknown kinds of behaviour", received=unknown[:5], remedy=remedy)


def _times(frame: pl.DataFrame) -> Ints:
    if "time" not in frame.columns:
        return np.full(len(frame), NO_TIME)
    return seconds(frame["time"]).fill_null(NO_TIME).to_numpy().astype(np.int64)


def _weights(
    frame: pl.DataFrame, kinds: Sequence[str], codes: npt.NDArray[np.int16], rule: EventWeights
) -> Floats:
    """Return each event's weight by the rule, times the weight column."""
    ratings = None
    if rule.min_rating is not None:
        if "rating" not in frame.columns:
            raise DataError("data.min_rating needs ratings", received=", ".join(frame.columns),
                            remedy="map data.columns.rating")  # fmt: skip
        ratings = _finite(frame["rating"], "rating")
    weights = rule.of_events(kinds, codes, ratings=ratings)
    return weights * _finite(frame["weight"], "weight") if "weight" in frame.columns else weights


def _finite(column: pl.Series, name: str) -> Floats:
    values = column.cast(pl.Float32, strict=False).fill_null(np.nan).to_numpy()
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        received = f"{column[row]!r} in row {row}"
        raise DataError(f"a {name} is not a finite number", received=received, remedy="mend it")
    return values


def _given(frame: pl.DataFrame) -> splits.Codes | None:
    if "split" not in frame.columns:
        return None
    names = frame["split"].cast(pl.String)
    unknown = names.filter(~names.is_in(list(splits.NAMES)) | names.is_null())
    if len(unknown):
        remedy = f"use {', '.join(splits.NAMES)}"
        raise DataError("unknown split", received=unknown[0], remedy=remedy)
    codes = dict(zip(splits.NAMES, range(3), strict=True))
    return names.replace_strict(codes, return_dtype=pl.Int8).to_numpy()


def _latest(events: Interactions, given: splits.Codes | None, found: list[Finding]) -> Ints:
    """Return the events to keep: of the same user, item and kind (and given part) the latest."""
    keys = (events.users * events.shape[1] + events.items) * (int(events.kinds.max()) + 1)
    keys = (keys + events.kinds) * 3 + (0 if given is None else given)
    if len(distinct(keys)) == len(keys):
        return np.arange(len(keys))
    order = np.argsort(keys)
    alike = np.diff(keys[order], prepend=-1, append=-1) == 0  # (e + 1,) the key of the one before
    several = order[alike[:-1] | alike[1:]]
    by_time = several[np.lexsort((several, events.times[several], keys[several]))]
    earlier = np.zeros(len(by_time), bool)
    earlier[:-1] = np.diff(keys[by_time]) == 0
    kept = np.ones(len(keys), bool)
    kept[by_time[earlier]] = False
    twice = np.flatnonzero(~kept)
    found += finding("note", "repeated events", twice, "each kind counts once per pair, the latest")
    return np.flatnonzero(kept)


def _core(events: Interactions, kept: Ints, least: MinEvents) -> Ints:
    """Return positions in `kept` whose users and items have enough distinct partners."""
    alive = np.arange(len(kept))
    while (least.user > 1 or least.item > 1) and len(alive):
        users, items = events.users[kept[alive]], events.items[kept[alive]]
        pairs = distinct(users * events.shape[1] + items)
        of_user = np.bincount(pairs // events.shape[1], minlength=events.shape[0])
        of_item = np.bincount(pairs % events.shape[1], minlength=events.shape[1])
        enough = (of_user[users] >= least.user) & (of_item[items] >= least.item)
        if enough.all():
            break
        alive = alive[enough]
    return alive


def _part(events: Interactions, parts: splits.Codes, name: str) -> Interactions:
    part = events.take(np.flatnonzero(parts == splits.NAMES.index(name)))
    if name != "valid" and not len(part):
        raise DataError(f"the {name} split is empty", received=f"{len(parts):,} events",
                        remedy="choose another data.split, or loosen data.min_events")  # fmt: skip
    return part


def _fingerprint(dataset: Dataset) -> str:
    digest = hashlib.sha256()
    for ids in (dataset.users, dataset.catalog.ids, dataset.kinds):
        digest.update("\0".join(ids).encode())
    for part in (dataset.train, dataset.valid, dataset.test):
        for array in (part.users, part.items, part.times, part.weights, part.kinds):
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
