"""What was uploaded for items, and what encoders made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from polyrec.database import change_log
from polyrec.database.database import dialect_insert
from polyrec.database.records import QUEUED
from polyrec.database.tables import FEATURES, ITEMS, MEDIA
from polyrec.types import Floats

KEPT = "kept"
"""The status of a view that is as the bundle has it."""

_AT_ONCE = 500  # ids of one statement


@dataclass(frozen=True)
class MediaFile:
    """An uploaded content; without a digest it says that what the bundle had was taken away."""

    item_id: str
    modality: str
    digest: str
    media_type: str
    size: int
    made: int = 0


class ItemFeature(NamedTuple):
    """What an encoder made of an item's content in one view."""

    item_id: str
    view: str
    maker: str
    revision: int
    vector: Floats | None
    status: str = ""
    reason: str = ""


class EncodingOutcome(NamedTuple):
    """What became of an item's content."""

    item_id: str
    revision: int  # that was read
    status: str
    reason: str


def put_media_file(connection: Connection, file: MediaFile) -> bool:
    """Put a content in the place of the one that was there; False for an unknown item."""
    if not requeue_item(connection, file.item_id):
        return False
    row = {**vars(file), "made": change_log.now_us()}
    statement = dialect_insert(connection, MEDIA)
    fresh = {name: statement.excluded[name] for name in ("digest", "media_type", "size", "made")}
    key = ["item_id", "modality"]
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=fresh), [row])
    return True


def remove_media_file(connection: Connection, item_id: str, modality: str, *, bundled: bool) -> int:
    """Return 1 if an item had a content that it has no more, else 0.

    That of an item which the bundle has (`bundled`) is marked as taken away.
    """
    held = find_media_file(connection, item_id, modality)
    if not (bundled if held is None else held.digest):
        return 0
    if bundled:
        return int(put_media_file(connection, MediaFile(item_id, modality, "", "", 0)))
    where = (MEDIA.c.item_id == item_id) & (MEDIA.c.modality == modality)
    connection.execute(MEDIA.delete().where(where))
    return int(requeue_item(connection, item_id))


def requeue_item(connection: Connection, item_id: str) -> bool:
    """Say that an item's content changed and has to be read; False for an unknown item."""
    fresh = {"status": QUEUED, "reason": "", "revision": change_log.now_us()}
    known = connection.execute(ITEMS.update().where(ITEMS.c.item_id == item_id).values(fresh))
    if known.rowcount:
        change_log.append_changes(connection, change_log.ITEM, [{"item_id": item_id}])
    return bool(known.rowcount)


def find_media_file(connection: Connection, item_id: str, modality: str) -> MediaFile | None:
    """Return one content of an item."""
    where = (MEDIA.c.item_id == item_id) & (MEDIA.c.modality == modality)
    row = connection.execute(sa.select(MEDIA).where(where)).first()
    return MediaFile(**row._mapping) if row else None


def media_of(connection: Connection, item_ids: Sequence[str]) -> dict[str, dict[str, MediaFile]]:
    """Return item -> modality -> content."""
    found: dict[str, dict[str, MediaFile]] = {}
    for row in _of(connection, MEDIA, item_ids):
        found.setdefault(row["item_id"], {})[row["modality"]] = MediaFile(**row)
    return found


def referenced_digests(connection: Connection) -> set[str]:
    """Return the digests that are referred to."""
    return set(connection.scalars(sa.select(MEDIA.c.digest).distinct()))


def put_features(connection: Connection, features: Iterable[ItemFeature]) -> None:
    """Keep what encoders made, in the place of what they made before."""
    rows = [{**f._asdict(), "vector": _bytes(f.vector)} for f in features]
    if not rows:
        return
    statement = dialect_insert(connection, FEATURES)
    fresh = {name: statement.excluded[name] for name in ("revision", "vector", "status", "reason")}
    key = ["item_id", "view", "maker"]
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=fresh), rows)


def features_of(
    connection: Connection, item_ids: Sequence[str], makers: Mapping[str, str]
) -> dict[str, dict[str, ItemFeature]]:
    """Return item -> view -> what these makers (view -> maker) made."""
    found: dict[str, dict[str, ItemFeature]] = {}
    for row in _of(connection, FEATURES, item_ids):
        if makers.get(row["view"]) == row["maker"]:
            vector = row["vector"]
            made = None if vector is None else np.frombuffer(vector, "<f4").astype(np.float32)
            feature = ItemFeature(**{**row, "vector": made})
            found.setdefault(feature.item_id, {})[feature.view] = feature
    return found


def delete_features(connection: Connection, *, before: int) -> int:
    """Return how many features were deleted, of content that is as old as all bundles."""
    return int(connection.execute(FEATURES.delete().where(FEATURES.c.revision < before)).rowcount)


def record_outcomes(connection: Connection, outcomes: Sequence[EncodingOutcome]) -> list[str]:
    """Write what became of queued items; return those that did not change meanwhile."""
    settled = []
    for outcome in outcomes:
        where = (ITEMS.c.item_id == outcome.item_id) & (ITEMS.c.revision == outcome.revision)
        values = {"status": outcome.status, "reason": outcome.reason}
        if connection.execute(ITEMS.update().where(where).values(values)).rowcount:
            settled.append(outcome.item_id)
    change_log.append_changes(connection, change_log.ITEM, [{"item_id": name} for name in settled])
    return settled


def _of(connection: Connection, table: sa.Table, item_ids: Sequence[str]) -> Iterable[Any]:
    for start in range(0, len(item_ids), _AT_ONCE):
        some = item_ids[start : start + _AT_ONCE]
        query = sa.select(table).where(table.c.item_id.in_(some))
        yield from connection.execute(query).mappings()


def _bytes(vector: Floats | None) -> bytes | None:
    return None if vector is None else np.asarray(vector, "<f4").tobytes()
