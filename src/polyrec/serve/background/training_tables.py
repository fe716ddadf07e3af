"""The database's behaviour and catalogue as tables that can be trained on.

An item's content is what was sent to the service; of an item that came with a bundle, what nobody
has touched since is what the bundle's own data say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from polyrec.artifact.bundle import Bundle
from polyrec.config.event_weights import EventWeights
from polyrec.data.catalog import FeatureRows
from polyrec.database import change_log, item_media, records
from polyrec.database.blobs import BlobStore
from polyrec.database.records import ItemRecord
from polyrec.database.tables import FEEDBACK
from polyrec.errors import DataError
from polyrec.serve.background.ingest_queue import collect_contents
from polyrec.serve.state.history import feedback_weight
from polyrec.types import Catalog, Raw, SourceTables

_SECOND = 1_000_000  # microseconds
_LONGEST_TITLE = 80


@dataclass(frozen=True)
class ImportedContent:
    """Where the content lies that came with a bundle."""

    bundle: Bundle
    catalog: Catalog | None  # None: the bundle's own data are not here

    def content(self, item_id: str, name: str) -> Raw | None:
        """Return an item's content of a name."""
        if self.catalog is None:
            received = f"{name} of {item_id}"
            remedy = "they are needed to train on: name their place with --data"
            raise DataError("the bundle's own data are not here", received=received, remedy=remedy)
        row = self._rows.get(item_id)
        return None if row is None else self.catalog.content(name)[row]

    @cached_property
    def _rows(self) -> Mapping[str, int]:
        names = self.catalog.ids if self.catalog is not None else ()
        return {name: row for row, name in enumerate(names)}


def read_training_tables(
    connection: Connection, origin: ImportedContent, files: BlobStore, rule: EventWeights
) -> SourceTables:
    """Return all events, their weights worked out, and all items with their content."""
    items = list(records.all_items(connection))
    ids = [item.item_id for item in items]
    media = item_media.media_of(connection, ids)
    told = [
        collect_contents(item, media.get(item.item_id, {}), origin.bundle, files) for item in items
    ]
    names = dict.fromkeys(_content_names(origin.bundle))
    held = {
        name: [_content(origin, item.item_id, name, item.contents) for item in told]
        for name in names
    }
    ready = {name: _as_before(origin, name, rows) for name, rows in held.items()}
    frame = pl.DataFrame(
        {"item": ids, "title": [_title(item, origin.bundle) for item in items]},
        schema={"item": pl.String, "title": pl.String},
    )
    return SourceTables(_events(connection, rule), frame, contents=ready)


def _content_names(bundle: Bundle) -> Sequence[str]:
    given = bundle.config.encode
    return [(given[v].content if v in given else None) or v for v in bundle.parts.encoders]


def _content(
    origin: ImportedContent, item_id: str, name: str, sent: Mapping[str, Raw | None]
) -> Raw | None:
    if name in sent:
        return sent[name]
    return origin.content(item_id, name) if item_id in origin.bundle.rows else None


def _as_before(origin: ImportedContent, name: str, rows: list[Raw | None]) -> Sequence[Raw | None]:
    """Return ready feature rows as what they were, with their encoder's card."""
    before = origin.catalog.content(name) if origin.catalog is not None else ()
    if not isinstance(before, FeatureRows):
        return rows
    usable = np.array([row is not None for row in rows], bool)
    array = np.zeros((len(rows), before.array.shape[1]), np.float32)
    for place in np.flatnonzero(usable):
        array[place] = np.asarray(rows[place], np.float32)
    return FeatureRows(array, usable, before.card)


def _title(item: ItemRecord, bundle: Bundle) -> str:
    row = bundle.rows.get(item.item_id)
    if row is not None and not item.described:
        return bundle.titles[row]
    line = item.comment.strip().partition("\n")[0]
    return line[:_LONGEST_TITLE] or item.item_id


def _events(connection: Connection, rule: EventWeights) -> pl.DataFrame:
    """Return user, item, kind, weight and time of all feedback up to now, the oldest first."""
    names = ("user_id", "item_id", "feedback_type", "value", "weight", "timestamp")
    query = sa.select(*(FEEDBACK.c[name] for name in names))
    query = query.where(FEEDBACK.c.timestamp <= change_log.now_us()).order_by(
        FEEDBACK.c.timestamp, FEEDBACK.c.user_id, FEEDBACK.c.item_id
    )
    columns: list[list[Any]] = [[] for _ in range(5)]
    for user, item, kind, value, weight, moment in connection.execution_options(
        yield_per=20_000
    ).execute(query):
        # within the first second of 1970 lie events whose data gave no time
        time = moment // _SECOND if moment >= _SECOND else None
        row = (user, item, kind, feedback_weight(rule, kind, value, weight), time)
        for column, cell in zip(columns, row, strict=True):
            column.append(cell)
    schema = {"user": pl.String, "item": pl.String, "kind": pl.String, "weight": pl.Float32,
              "time": pl.Int64}  # fmt: skip
    frame = pl.DataFrame(dict(zip(schema, columns, strict=True)), schema=schema)
    return frame if frame["time"].is_not_null().any() else frame.drop("time")
