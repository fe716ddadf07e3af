"""Build a clean, split data set from the tables of a reader."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import polars as pl

from polyrec.artifact.feature_pack import PACK_SUFFIX, read_pack
from polyrec.config import IN_MEMORY, DataConfig, MinEvents, make_part
from polyrec.data import splits
from polyrec.data.catalog import build_catalog, load_array
from polyrec.data.columns import id_findings
from polyrec.data.events import EventColumns, convert_columns
from polyrec.data.ids import IdColumn, are_integers, catalogue_ids, check_complete, complete_events
from polyrec.data.in_memory.load_frames import FrameSettings, load_frames
from polyrec.data.item_metadata import METADATA_COLUMNS, read_user_labels
from polyrec.data.sorting import unique_sorted
from polyrec.data.validation import Validation, check_behaviour, dataset_counts, finding_for
from polyrec.errors import DataError, ErrorCollector
from polyrec.lists import IdMap, describe_counts
from polyrec.registry import find_class, load_object
from polyrec.source_tables import SourceTables
from polyrec.types import Catalog, Finding, Interactions, Ints, Learnable


@dataclass(frozen=True, repr=False)
class Dataset:
    """Items, users, and their behaviour, cleaned and split into train, valid and test."""

    catalog: Catalog
    users: tuple[str, ...]
    kinds: tuple[str, ...]  # names of the codes in Interactions.kinds
    train: Interactions
    valid: Interactions
    test: Interactions
    user_labels: tuple[Any, ...] = ()  # (u,) JSON, or empty
    validation: Validation = field(default_factory=Validation)
    config: DataConfig | None = None  # by which it was loaded
    seed: int = 7  # of a random split

    @classmethod
    def from_frames(
        cls,
        interactions: Any,
        items: Any = None,
        users: Any = None,
        **settings: Unpack[FrameSettings],
    ) -> Dataset:
        """Return the data set of frames: polars, pandas, or with the interchange protocol.

        Keyword arguments name columns and say how events are weighed, cleaned and split
        (docs/python.md). Several frames of items are joined on the item's id. `interactions` may be
        a sparse matrix (users, items) of weights; then row i of `users` and `items` belongs to its
        row or column i, and without them ids are row numbers. An index of pandas plays no part.

        >>> events = {"customer": ["u", "u", "u", "v"], "sku": ["007", "7", "8", "7"]}
        >>> data = Dataset.from_frames(events, user="customer", item="sku", split="leave_one_out")
        >>> data.catalog.ids
        ('007', '7', '8')
        """
        return load_frames(interactions, items, users, settings)

    def __repr__(self) -> str:
        return f"Dataset({describe_counts(self.catalog.ids, self.users, self.behaviour)})"

    @property
    def behaviour(self) -> Mapping[str, Interactions]:
        """Return the three parts by name."""
        return {"train": self.train, "valid": self.valid, "test": self.test}

    @cached_property
    def id_map(self) -> IdMap:
        """Return users and items by id, with all events as histories."""
        events = Interactions.concatenate(list(self.behaviour.values()))
        return IdMap(self.users, self.catalog.ids, self.catalog.titles, events)

    @cached_property
    def fingerprint(self) -> str:
        """Return the sha256 of ids and events."""
        digest = hashlib.sha256()
        for ids in (self.users, self.catalog.ids, self.kinds):
            digest.update("\0".join(ids).encode())
        for part in self.behaviour.values():
            for array in (part.users, part.items, part.times, part.weights, part.kinds):
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def _repr_html_(self) -> str:
        return str(load_object("polyrec.notebook.html:dataset_html")(self))

    def without_test(self) -> Learnable:
        """Return the data set without its test part."""
        return Learnable(self.catalog, self.train, self.valid)


def load_dataset(config: DataConfig, *, weights: Mapping[str, float], seed: int) -> Dataset:
    """Return the data set of a config: read, indexed, weighted, cleaned and split.

    `weights` maps a kind of event to its weight. Items keep the order of the items table; items
    that are only in events follow. Each kind counts once per user-item pair, the latest event.
    """
    return build_dataset(read_tables(config), config, weights=weights, seed=seed)


def read_catalog(config: DataConfig) -> Catalog:
    """Return the items of a config with their content."""
    tables = complete_events(read_tables(config), [])
    column = IdColumn.of(tables.events["item"], tables.event_source, "item")
    return build_catalog(config, tables, _item_ids(config, tables, column, []))[0]


def read_tables(config: DataConfig) -> SourceTables:
    """Return the tables of a config's files."""
    if config.use == IN_MEMORY:
        raise DataError("the data were frames in memory", received=config.use,
                        remedy="give the frames again: Dataset.from_frames")  # fmt: skip
    files = {"interactions": config.interactions, "items": config.items, "users": config.users}
    settings = {name: value for name, value in files.items() if value}
    shared = {"dialect": config.dialect, "time_format": config.time_format}
    reader = make_part(find_class("data", config.use), settings, where="data", shared=shared)
    columns = {k: v for k, v in config.columns.items() if k not in METADATA_COLUMNS}
    return reader.read(config.path, columns)


def build_dataset(
    tables: SourceTables, config: DataConfig, *, weights: Mapping[str, float], seed: int
) -> Dataset:
    """Return the data set of source tables; see `load_dataset`."""
    findings = list(tables.findings)
    events, columns, users, items = _index(tables, config, weights, findings)
    tables = replace(tables, events=pl.DataFrame())  # the largest object here: freed early
    catalog, content_findings = build_catalog(config, tables, items)
    kept = np.arange(len(events))
    if config.repeats == "latest":
        kept = _latest_events(events, columns.own_split, findings)
    kept = kept[_k_core(events, kept, config.min_events)]
    events, own_split = (
        events.take(kept),
        None if columns.own_split is None else columns.own_split[kept],
    )
    parts = splits.split_events(config.split, events, own_split, seed=seed)
    train, valid, test = (_part(events, parts, name) for name in splits.SPLITS)
    names = tuple(users.to_list())
    labels = read_user_labels(tables, config, users, findings)
    dataset = Dataset(
        catalog, names, columns.kinds, train, valid, test, labels, config=config, seed=seed
    )
    findings += content_findings + check_behaviour(dataset)
    findings += id_findings(users, "user") + id_findings(items, "item")
    if not len(valid):
        remedy = "settings can't be chosen: give data.split a valid share"
        findings += [Finding("warning", "the valid split is empty", 0, (), remedy)]
    counts = {**dataset_counts(dataset), "files": [dict(file) for file in tables.files]}
    return replace(dataset, validation=Validation(counts, tuple(findings)))


def _index(
    tables: SourceTables, config: DataConfig, weights: Mapping[str, float], findings: list[Finding]
) -> tuple[Interactions, EventColumns, pl.Series, pl.Series]:
    """Return the complete events, their other columns, and the ids of users and items."""
    errors = ErrorCollector()
    with errors.catch():
        check_complete(tables, config.max_missing.events)
    tables = complete_events(tables, findings)
    with errors.catch():
        columns = convert_columns(tables, config, weights)
    with errors.catch():
        user_column = IdColumn.of(tables.events["user"], tables.event_source, "user")
    with errors.catch():
        item_column = IdColumn.of(tables.events["item"], tables.event_source, "item")
        items = _item_ids(config, tables, item_column, findings)
    errors.raise_any()
    users = user_column.ids()
    events = Interactions(
        users=user_column.rows(users),
        items=item_column.rows(items),
        times=columns.times,
        weights=columns.weights,
        kinds=columns.codes,
        shape=(len(users), len(items)),
    )
    findings += columns.findings
    findings += splits.check_times(config, columns.times, columns.own_split, tables.event_source)
    return events, columns, users, items


def _item_ids(
    config: DataConfig, tables: SourceTables, column: IdColumn, findings: list[Finding]
) -> pl.Series:
    """Return the item ids: those of the items table, then those that are only in events."""
    used = column.ids()
    listed = _listed_ids(config, tables, used)
    if listed is None:
        return used
    unlisted = used.filter(~used.is_in(listed.implode()))
    if len(unlisted) == len(used):
        first = repr(listed[0]) if len(listed) else "none"
        received = f"{used[0]!r} in events, {first} in items"
        raise DataError("no item of an event is in the items table", received=received,
                        remedy="check data.columns.item")  # fmt: skip
    remedy = "they are kept, without content"
    findings += finding_for("warning", "ids without items", unlisted, remedy)
    return pl.concat([listed, unlisted])


def _listed_ids(config: DataConfig, tables: SourceTables, used: pl.Series) -> pl.Series | None:
    if tables.items is not None:
        source = tables.item_source
        return catalogue_ids(tables.items[source.column("item")], source)
    sources = [config.path / file for file in config.features.values()]
    sources += [] if config.features else list(tables.features.values())  # type: ignore[arg-type]
    if not sources:
        return None
    if isinstance(sources[0], Path) and sources[0].suffix == PACK_SUFFIX:
        pack = read_pack(sources[0], next(iter(config.features)))
        return pl.Series(pack.ids, dtype=pl.String)
    if not are_integers(used):
        raise DataError("feature rows without an items file", received=used.head(3).to_list(),
                        remedy="add items.csv, or number the items from 0")  # fmt: skip
    return pl.Series(np.arange(len(load_array(sources[0])))).cast(pl.String)


def _latest_events(
    events: Interactions, own_split: splits.Codes | None, findings: list[Finding]
) -> Ints:
    """Return the events to keep: the latest of each user, item and kind (and given split)."""
    keys = (events.users * events.shape[1] + events.items) * (int(events.kinds.max()) + 1)
    keys = (keys + events.kinds) * 3 + (0 if own_split is None else own_split)
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
