"""Build a data set from frames or a matrix in memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from polyrec.config import IN_MEMORY, PRESETS, DataConfig, validate_settings
from polyrec.data.frames import Table
from polyrec.data.ids import catalogue_ids
from polyrec.data.in_memory.dataframes import to_polars_frame
from polyrec.data.item_metadata import METADATA_COLUMNS, USER_LABELS
from polyrec.data.naming import COLUMNS, map_columns, source_tables
from polyrec.data.readers.folder import EVENTS, ITEMS
from polyrec.data.readers.joins import join_items
from polyrec.errors import CombinedDataError, ConfigError, DataError, PolyrecError, nearest
from polyrec.source_tables import SourceTables, TableSource
from polyrec.types import Raw

if TYPE_CHECKING:
    from polyrec.data.load import Dataset

"""`data.use` of a data set that was made from frames: there are no files to read again."""

_MEDIA = ("image", "audio", "video")


class FrameSettings(TypedDict, total=False):
    """The keyword arguments of `Dataset.from_frames`."""

    user: str  # columns of interactions: by default user_id, item_id, timestamp, rating, ...
    item: str  # a column of items, too
    time: str
    rating: str
    weight: str
    kind: str
    title: str  # columns of items
    text: str | Sequence[str]
    image: str  # of paths below media_root, URLs, or bytes
    audio: str
    video: str
    categories: str | Sequence[str]
    labels: str | Sequence[str]
    brand: str
    price: str
    numbers: str | Sequence[str]
    added: str
    description: str | Sequence[str]
    user_labels: str | Sequence[str]  # columns of users
    features: Mapping[str, npt.NDArray[Any]]  # name -> (n, d), row i for item i
    media_root: str | Path  # by default the working directory
    time_format: str
    preset: str  # weights of kinds: shop, social or media
    kinds: Mapping[str, float]  # kind of event -> weight
    min_rating: float
    repeats: str  # "latest" or "all" of a user's events on an item
    min_events: Mapping[str, int]  # user, item
    max_missing: Mapping[str, float]  # events, media
    split: str | Mapping[str, Any]
    seed: int  # of a random split


def load_frames(interactions: Any, items: Any, users: Any, settings: Mapping[str, Any]) -> Dataset:
    """Return the data set of frames; see `Dataset.from_frames`."""
    from polyrec.data.load import build_dataset  # which has the class that offers this function

    rest = dict(settings)
    seed = rest.pop("seed", 7)
    features = {name: np.asarray(rows) for name, rows in rest.pop("features", {}).items()}
    with name_arguments():
        config = _config(rest)
        if sparse.issparse(interactions):
            tables = _matrix_tables(interactions, items, users, config)
        else:
            tables = _frame_tables(interactions, items, users, config)
        tables = replace(tables, features={**tables.features, **features})
        contents, columns = _ready_media(tables, config)
        tables = replace(tables, contents=contents)
        config = config.model_copy(update=dict.fromkeys(contents))
        dataset = build_dataset(tables, config, weights=config.kinds, seed=seed)
    findings = tuple(
        replace(finding, remedy=argument_names(finding.remedy))
        for finding in dataset.validation.findings
    )
    config = config.model_copy(update=columns)
    return replace(
        dataset, config=config, validation=replace(dataset.validation, findings=findings)
    )


def _config(settings: dict[str, Any]) -> DataConfig:
    """Return the settings as the `data` section of a config."""
    known = FrameSettings.__annotations__
    for name in settings:
        if name not in known:
            raise ConfigError("unknown argument", received=name, remedy=nearest(name, known))
    columns = {name: settings.pop(name) for name in (*COLUMNS, *METADATA_COLUMNS, USER_LABELS)
               if name in settings and name != "split"}  # fmt: skip
    preset = settings.pop("preset", None)
    if preset is not None and preset not in PRESETS:
        raise ConfigError("unknown preset", received=preset, remedy=nearest(preset, PRESETS))
    kinds = {**PRESETS.get(preset or "", {}), **settings.pop("kinds", {})}
    split = settings.pop("split", "auto")
    root = Path(settings.pop("media_root", "")).expanduser().resolve()
    tree = {
        "use": IN_MEMORY, "path": root, "columns": columns, "kinds": kinds,
        "split": {"use": split} if isinstance(split, str) else split, **settings,
    }  # fmt: skip
    config: DataConfig = validate_settings(DataConfig, tree, where="data")
    return config


def _frame_tables(interactions: Any, items: Any, users: Any, config: DataConfig) -> SourceTables:
    events = _table(interactions, "interactions")
    if not len(events.frame):
        remedy = "give at least one event"
        raise DataError("interactions= is empty", received="0 rows", remedy=remedy)
    columns = {name: column for name, column in config.columns.items() if name in COLUMNS}
    catalogue = _items(items, columns)
    tables = source_tables(events, catalogue, columns, usual=(EVENTS, ITEMS))
    if users is not None:
        tables = _with_users(tables, _table(users, "users"), columns)
    return tables


def _with_users(
    tables: SourceTables, users: Table, columns: Mapping[str, Sequence[str]]
) -> SourceTables:
    _ids_of(users, columns, "user")  # checked
    name = map_columns(users, columns, {"user": EVENTS["user"]})
    return replace(tables, users=users.frame, user_source=replace(users.source, columns=name))


def _items(items: Any, columns: Mapping[str, Sequence[str]]) -> Table | None:
    """Return one table of items; several frames are joined on the item's id."""
    if items is None:
        return None
    frames = items if isinstance(items, list | tuple) else [items]
    names = ["items" if i == 0 else f"items[{i}]" for i in range(len(frames))]
    tables = [_table(frame, name) for frame, name in zip(frames, names, strict=True)]
    return join_items(tables, columns, ITEMS)


def _matrix_tables(matrix: Any, items: Any, users: Any, config: DataConfig) -> SourceTables:
    """Return the tables of a (u, n) matrix of weights; row i of a frame is row or column i."""
    coo = sparse.coo_array(matrix)
    coo.sum_duplicates()
    columns = {name: column for name, column in config.columns.items() if name in COLUMNS}
    catalogue = _items(items, columns)
    people = None if users is None else _table(users, "users")
    user_ids = _matrix_ids(people, columns, "user", coo.shape[0])
    item_ids = _matrix_ids(catalogue, columns, "item", coo.shape[1])
    events = pl.DataFrame(
        {
            EVENTS["user"]: user_ids.gather(coo.coords[0]),
            EVENTS["item"]: item_ids.gather(coo.coords[1]),
            EVENTS["weight"]: coo.data.astype(np.float32),
        }
    )
    if catalogue is None:
        catalogue = Table(pl.DataFrame({ITEMS["item"]: item_ids}), _source("items"))
    names = {name: c for name, c in columns.items() if name in ("item", "title")}
    usual = map_columns(catalogue, names, ITEMS)
    tables = source_tables(Table(events, _source("interactions")), catalogue, {},
                           usual=(EVENTS, {**ITEMS, **usual}))  # fmt: skip
    return tables if people is None else _with_users(tables, people, columns)


def _matrix_ids(
    table: Table | None, columns: Mapping[str, Sequence[str]], name: str, count: int
) -> pl.Series:
    """Return the ids of a matrix's rows or columns: those of the frame, else their numbers."""
    if table is None:
        return pl.Series(np.arange(count)).cast(pl.String)
    ids = _ids_of(table, columns, name)
    if len(ids) != count:
        remedy = f"give {count:,} rows, in the order of the matrix"
        raise DataError(f"{name}s= doesn't fit the matrix", received=f"{len(ids):,} rows",
                        remedy=remedy)  # fmt: skip
    return ids


def _ids_of(table: Table, columns: Mapping[str, Sequence[str]], name: str) -> pl.Series:
    own = {key: column for key, column in columns.items() if key == name}
    column = map_columns(table, own, {name: EVENTS[name]})[name]
    return catalogue_ids(table.frame[column], replace(table.source, columns={name: column}), name)


def _table(frame: Any, name: str) -> Table:
    converted, repeated = to_polars_frame(frame, name)
    return Table(converted, _source(name), duplicates=repeated)


def _source(name: str) -> TableSource:
    return TableSource(f"{name}=", line=lambda row: f"row {row} (from 0)", decimal=".")


def _ready_media(
    tables: SourceTables, config: DataConfig
) -> tuple[dict[str, Sequence[Raw | None]], dict[str, str]]:
    """Return the media that a column has as bytes, and modality -> column of them."""
    chosen = {kind: getattr(config, kind) for kind in _MEDIA}
    items = pl.DataFrame() if tables.items is None else tables.items
    columns = {
        kind: column
        for kind, column in chosen.items()
        if column in items.columns and items[column].dtype == pl.Binary
    }
    return {kind: items[column].to_list() for kind, column in columns.items()}, columns


@contextmanager
def name_arguments() -> Iterator[None]:
    """Raise errors that name arguments of Python instead of keys of a config."""
    try:
        yield
    except CombinedDataError as error:
        raise CombinedDataError([_renamed(e) for e in error.errors]) from error
    except (DataError, ConfigError) as error:
        raise _renamed(error) from error


def _renamed(error: Any) -> Any:
    remedy = None if error.remedy is None else argument_names(error.remedy)
    renamed: PolyrecError = type(error)(
        argument_names(error.what), received=error.received, remedy=remedy
    )
    return renamed


_REWRITES = (
    (r"data\.(?:columns\.)?(\w+): '?([^'\s,;]+)'?", r"\1='\2'"),
    (r"data\.split\.use (random|given|user_time|global_time|leave_one_out)", r"split='\1'"),
    (r"data\.kinds\.([^\s,;]+)", r"kinds={'\1': ...}"),
    (r"data\.dialect[\w.]*", "the column's type"),
    (r"data\.columns(?!\.)", "the columns"),
    (r"data\.(?:columns\.)?(\w+)[\w.]*", r"\1="),
)


def argument_names(text: str) -> str:
    """Return a message with arguments of `from_frames` in place of keys of the `data` section.

    >>> argument_names("check data.columns.item, or set data.split.use random")
    "check item=, or set split='random'"
    """
    for pattern, replacement in _REWRITES:
        text = re.sub(pattern, replacement, text)
    return text
