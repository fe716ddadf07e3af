"""Uploaded content of items, and the features that encoders made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from polyrec.database import change_log
from polyrec.database.inserts import dialect_insert
from polyrec.database.records import QUEUED
from polyrec.database.tables import FEATURES, ITEMS, MEDIA
from polyrec.types import Floats

KEPT = "kept"
"""The status of a view that is as in the bundle."""

_CHUNK = 500  # ids per statement


@dataclass(frozen=True)
class MediaFile:
    """An uploaded file; an empty digest marks content of the bundle as removed."""

    item_id: str
    modality: str
    digest: str
    media_type: str
    size: int
    made: int = 0


class ItemFeature(NamedTuple):
    """The feature vector of an item in one view, or the reason why there is none."""

    item_id: str
    view: str
    maker: str
    revision: int
    vector: Floats | None
    status: str = ""
    reason: str = ""


class EncodingOutcome(NamedTuple):
    """The result of encoding an item's content."""

    item_id: str
    revision: int  # of the item, that was encoded
    status: str
    reason: str


def put_media_file(connection: Connection, file: MediaFile) -> bool:
    """Store a file of an item, replacing the one of its modality; False for an unknown item."""
    if not requeue_item(connection, file.item_id):
        return False
    row = {**vars(file), "made": change_log.write_time(connection)}
    statement = dialect_insert(connection, MEDIA)
    values = {name: statement.excluded[name] for name in ("digest", "media_type", "size", "made")}
    key = ["item_id", "modality"]
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=values), [row])
    return True


def remove_media_file(connection: Connection, item_id: str, modality: str, *, bundled: bool) -> int:
    """Remove the content of an item in a modality; return 1 if there was any, else 0.

    Content that is in the bundle (`bundled`) is marked as removed.
    """
    stored = find_media_file(connection, item_id, modality)
    if not (bundled if stored is None else stored.digest):
        return 0
    if bundled:
        return int(put_media_file(connection, MediaFile(item_id, modality, "", "", 0)))
    where = (MEDIA.c.item_id == item_id) & (MEDIA.c.modality == modality)
    connection.execute(MEDIA.delete().where(where))
    return int(requeue_item(connection, item_id))


def requeue_item(connection: Connection, item_id: str) -> bool:
    """Queue an item for encoding since its content changed; False for an unknown item."""
    revision = change_log.next_revision(connection)
    values = {"status": QUEUED, "reason": "", "revision": revision}
    updated = connection.execute(ITEMS.update().where(ITEMS.c.item_id == item_id).values(values))
    if updated.rowcount:
        change_log.append_changes(connection, change_log.ITEM, [{"item_id": item_id}])
    return bool(updated.rowcount)


def find_media_file(connection: Connection, item_id: str, modality: str) -> MediaFile | None:
    """Return the file of an item in a modality."""
    where = (MEDIA.c.item_id == item_id) & (MEDIA.c.modality == modality)
    row = connection.execute(sa.select(MEDIA).where(where)).first()
    return MediaFile(**row._mapping) if row else None


def list_media(
    connection: Connection, *, after: tuple[str, str] | None, count: int
) -> list[MediaFile]:
    """Return files sorted by item and modality, behind `after`."""
    key = (MEDIA.c.item_id, MEDIA.c.modality)
    query = sa.select(MEDIA).order_by(*key).limit(count)
    if after is not None:
        query = query.where(sa.tuple_(*key) > sa.tuple_(*after))
    return [MediaFile(**row) for row in connection.execute(query).mappings()]


def media_of(connection: Connection, item_ids: Sequence[str]) -> dict[str, dict[str, MediaFile]]:
    """Return item -> modality -> file."""
    files: dict[str, dict[str, MediaFile]] = {}
    for row in _rows_of(connection, MEDIA, item_ids):
        files.setdefault(row["item_id"], {})[row["modality"]] = MediaFile(**row)
    return files


def referenced_digests(connection: Connection) -> set[str]:
    """Return the digests that items refer to."""
    return set(connection.scalars(sa.select(MEDIA.c.digest).distinct()))


def put_features(connection: Connection, features: Iterable[ItemFeature]) -> None:
    """Store features, replacing earlier ones."""
    rows = [{**f._asdict(), "vector": _bytes(f.vector)} for f in features]
    if not rows:
        return
    statement = dialect_insert(connection, FEATURES)
    values = {name: statement.excluded[name] for name in ("revision", "vector", "status", "reason")}
    key = ["item_id", "view", "maker"]
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=values), rows)


def features_of(
    connection: Connection, item_ids: Sequence[str], makers: Mapping[str, str]
) -> dict[str, dict[str, ItemFeature]]:
    """Return item -> view -> feature, of the encoders in `makers` (view -> digest)."""
    features: dict[str, dict[str, ItemFeature]] = {}
    for row in _rows_of(connection, FEATURES, item_ids):
        if makers.get(row["view"]) == row["maker"]:
            vector = row["vector"]
            array = None if vector is None else np.frombuffer(vector, "<f4").astype(np.float32)
            feature = ItemFeature(**{**row, "vector": array})
            features.setdefault(feature.item_id, {})[feature.view] = feature
    return features


def delete_features(connection: Connection, *, before: int) -> int:
    """Delete features of content that is older than all bundles; return how many."""
    return int(connection.execute(FEATURES.delete().where(FEATURES.c.revision < before)).rowcount)


def record_outcomes(connection: Connection, outcomes: Sequence[EncodingOutcome]) -> list[str]:
    """Store the results of queued items; return the items that did not change meanwhile."""
    recorded = []
    for outcome in outcomes:
        where = (ITEMS.c.item_id == outcome.item_id) & (ITEMS.c.revision == outcome.revision)
        values = {"status": outcome.status, "reason": outcome.reason}
        if connection.execute(ITEMS.update().where(where).values(values)).rowcount:
            recorded.append(outcome.item_id)
    change_log.append_changes(connection, change_log.ITEM, [{"item_id": name} for name in recorded])
    return recorded


def _rows_of(connection: Connection, table: sa.Table, item_ids: Sequence[str]) -> Iterable[Any]:
    for start in range(0, len(item_ids), _CHUNK):
        chunk = item_ids[start : start + _CHUNK]
        query = sa.select(table).where(table.c.item_id.in_(chunk))
        yield from connection.execute(query).mappings()


def _bytes(vector: Floats | None) -> bytes | None:
    return None if vector is None else np.asarray(vector, "<f4").tobytes()
