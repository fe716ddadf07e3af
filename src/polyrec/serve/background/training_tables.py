"""The database's behaviour and catalogue as tables to train on.

An item's content is what was sent to the service. What an item of the bundle has and nobody changed
comes from the bundle's own data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from polyrec.artifact.bundle import Bundle
from polyrec.config import IN_MEMORY
from polyrec.config.event_weights import EventWeights
from polyrec.data.catalog import FeatureRows
from polyrec.database import change_log, item_media, records
from polyrec.database.blobs import BlobStore
from polyrec.database.feedback import is_due
from polyrec.database.records import ItemRecord
from polyrec.database.tables import FEEDBACK, USERS
from polyrec.errors import DataError
from polyrec.serve.background.ingest_queue import collect_contents
from polyrec.serve.background.item_encoder import ItemContents
from polyrec.serve.state.history import feedback_weight
from polyrec.source_tables import SourceTables
from polyrec.types import Catalog, ItemMetadata, Raw

_SECOND = 1_000_000  # microseconds
_MAX_TITLE = 80  # characters


@dataclass(frozen=True)
class BundleSource:
    """A bundle and the catalogue it was made from, None if its files are not at hand."""

    bundle: Bundle
    catalog: Catalog | None

    def content(self, item: ItemContents, name: str) -> Raw | None:
        """Return an item's content: the one that was sent, else the bundle's own."""
        if name in item.contents:
            return item.contents[name]
        if item.item_id not in self.bundle.rows:
            return None
        if self.catalog is None or name not in self.catalog.contents:
            in_memory = self.bundle.config.data.use == IN_MEMORY
            raise DataError(
                "the bundle's own data are not found, and training needs them",
                received=f"{name} of {item.item_id}",
                remedy="a bundle of frames has texts and paths of media alone: run again"
                if in_memory
                else "name their folder: data=",
            )
        row = self._rows.get(item.item_id)
        return None if row is None else self.catalog.content(name)[row]

    @cached_property
    def _rows(self) -> Mapping[str, int]:
        ids = self.catalog.ids if self.catalog is not None else ()
        return {item_id: row for row, item_id in enumerate(ids)}


def read_training_tables(
    connection: Connection, source: BundleSource, files: BlobStore, rule: EventWeights
) -> SourceTables:
    """Return all events with their weights, and all items with their content."""
    bundle = source.bundle
    items = list(records.all_items(connection))
    ids = [item.item_id for item in items]
    media = item_media.media_of(connection, ids)
    own = [collect_contents(item, media.get(item.item_id, {}), bundle, files) for item in items]
    names = dict.fromkeys(bundle.content_name(view) for view in bundle.parts.encoders)
    contents = {
        name: _as_loaded(source, name, [source.content(item, name) for item in own])
        for name in names
    }
    frame = pl.DataFrame(
        {"item": ids, "title": [_title(item, bundle) for item in items]},
        schema={"item": pl.String, "title": pl.String},
    )
    metadata = [_metadata(item, bundle) for item in items]
    return SourceTables(
        _read_events(connection, rule), frame, contents=contents, metadata=metadata,
        user_labels=_user_labels(connection),
    )  # fmt: skip


def _as_loaded(source: BundleSource, name: str, contents: list[Raw | None]) -> Sequence[Raw | None]:
    """Return feature rows as the reader loads them, with their encoder's card."""
    original = source.catalog.content(name) if source.catalog is not None else ()
    if not isinstance(original, FeatureRows):
        return contents
    usable = np.array([row is not None for row in contents], bool)
    array = np.zeros((len(contents), original.array.shape[1]), np.float32)
    for row in np.flatnonzero(usable):
        array[row] = np.asarray(contents[row], np.float32)
    return FeatureRows(array, usable, original.card)


def _title(item: ItemRecord, bundle: Bundle) -> str:
    row = bundle.rows.get(item.item_id)
    if row is not None and not item.described:
        return bundle.titles[row]
    return item.title[:_MAX_TITLE] or item.item_id


def _metadata(item: ItemRecord, bundle: Bundle) -> ItemMetadata:
    added = (item.timestamp or 0) // _SECOND or None
    row = bundle.rows.get(item.item_id)
    if row is not None and not item.described:
        description = bundle.metadata[row].description if bundle.metadata else ""
    else:
        description = item.comment.strip().partition("\n")[2].strip()
    return ItemMetadata(item.categories, item.labels, added, description)


def _user_labels(connection: Connection) -> dict[str, Any]:
    query = sa.select(USERS.c.user_id, USERS.c.labels).where(USERS.c.labels != "null")
    return {user_id: json.loads(labels) for user_id, labels in connection.execute(query)}


def _read_events(connection: Connection, rule: EventWeights) -> pl.DataFrame:
    """Return user, item, kind, weight and time of all feedback up to now, the oldest first."""
    names = ("user_id", "item_id", "feedback_type", "value", "weight", "timestamp")
    query = sa.select(*(FEEDBACK.c[name] for name in names))
    query = query.where(is_due(change_log.now_us())).order_by(
        FEEDBACK.c.timestamp, FEEDBACK.c.user_id, FEEDBACK.c.item_id
    )
    rows = connection.execution_options(yield_per=20_000).execute(query)
    columns: list[list[Any]] = [[] for _ in range(5)]
    for user, item, kind, value, weight, timestamp in rows:
        # events in the first second of 1970 had no time in their data
        time = timestamp // _SECOND if timestamp >= _SECOND else None
        row = (user, item, kind, feedback_weight(rule, kind, value, weight), time)
        for column, cell in zip(columns, row, strict=True):
            column.append(cell)
    schema = {"user": pl.String, "item": pl.String, "kind": pl.String, "weight": pl.Float32,
              "time": pl.Int64}  # fmt: skip
    frame = pl.DataFrame(dict(zip(schema, columns, strict=True)), schema=schema)
    return frame if frame["time"].is_not_null().any() else frame.drop("time")
