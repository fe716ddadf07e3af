"""Import a bundle into the database: its items, and into an empty one its users and events.

From then on the database is what counts: a user or item deleted there stays deleted. A further
bundle adds only items that were never there. Kinds become feedback types; each event's weight in
training is stored with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from polyrec.artifact.bundle import Bundle
from polyrec.database import change_log
from polyrec.database.database import Database
from polyrec.database.inserts import dialect_insert, insert_new
from polyrec.database.tables import FEEDBACK, ITEMS, META, USERS
from polyrec.types import Interactions, Ints, ItemMetadata, Progress, silent

_BATCH_SIZE = 20_000  # rows of one statement
_SECOND = 1_000_000  # microseconds


def import_bundle(database: Database, bundle: Bundle, *, progress: Progress = silent) -> bool:
    """Import a bundle; return False if one of the same data was imported before."""
    if is_imported(database, bundle.fingerprint):
        return False
    with database.write() as connection:
        if _is_imported(connection, bundle.fingerprint):  # meanwhile, by another worker
            return False
        is_empty = connection.scalar(sa.select(sa.func.count()).select_from(USERS)) == 0
        _insert_items(connection, bundle)
        if is_empty:
            _insert_users(connection, bundle)
            _insert_events(connection, bundle, progress)
        mark_imported(connection, bundle)
    return True


def is_imported(database: Database, fingerprint: str) -> bool:
    """Return whether a bundle of these data was imported before."""
    with database.read() as connection:
        return _is_imported(connection, fingerprint)


def mark_imported(connection: Connection, bundle: Bundle) -> None:
    """Record that the database has all of a bundle: it was imported, or trained from it."""
    row = {"name": _mark(bundle.fingerprint), "value": str(change_log.now_us())}
    insert_new(connection, META, [row])


def record_snapshot(connection: Connection, version: str, sequence: int) -> None:
    """Record that the bundle in the folder `version` has all changes up to a sequence number."""
    row = {"name": f"snapshot {version}", "value": str(sequence)}
    statement = dialect_insert(connection, META)
    update = {"value": statement.excluded["value"]}
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=update), [row])


def snapshot_sequence(connection: Connection, version: str) -> int:
    """Return up to which change a bundle has all; 0 for one not trained from here."""
    name = f"snapshot {version}"
    return int(connection.scalar(sa.select(META.c.value).where(META.c.name == name)) or 0)


def _mark(fingerprint: str) -> str:
    return f"bundle {fingerprint}"


def _is_imported(connection: Connection, fingerprint: str) -> bool:
    query = sa.select(META.c.value).where(META.c.name == _mark(fingerprint))
    return connection.scalar(query) is not None


def _insert_items(connection: Connection, bundle: Bundle) -> None:
    defaults = {"is_hidden": False, "status": "live", "reason": "", "revision": 0}
    defaults["described"] = False
    statement = dialect_insert(connection, ITEMS).on_conflict_do_nothing()
    metadata = bundle.metadata or (ItemMetadata(),) * len(bundle.ids)
    for batch in _batches(list(zip(bundle.ids, bundle.titles, metadata, strict=True))):
        rows = [{**_item_row(*item), **defaults} for item in batch]
        connection.execute(statement, rows)
        changes = [{"item_id": row["item_id"]} for row in rows]
        change_log.append_changes(connection, change_log.ITEM, changes)


def _item_row(item_id: str, title: str, metadata: ItemMetadata) -> dict[str, Any]:
    lines = dict.fromkeys(filter(None, (title, metadata.description)))
    return {
        "item_id": item_id,
        "comment": _without_nul("\n".join(lines)),
        "categories": json.dumps(metadata.categories),
        "labels": json.dumps(metadata.labels),
        # items without a time are older than all that are added later
        "timestamp": (metadata.added or 0) * _SECOND,
    }


def _insert_users(connection: Connection, bundle: Bundle) -> None:
    labels = bundle.user_labels or (None,) * len(bundle.users)
    for batch in _batches(list(zip(bundle.users, labels, strict=True))):
        rows = [{"user_id": user_id, "labels": json.dumps(labels_of), "comment": ""}
                for user_id, labels_of in batch]  # fmt: skip
        connection.execute(USERS.insert(), rows)


def _insert_events(connection: Connection, bundle: Bundle, progress: Progress) -> None:
    events = bundle.events
    order, times = _unique_times(events)
    statement = dialect_insert(connection, FEEDBACK).on_conflict_do_nothing()
    now = change_log.write_time(connection)
    for start in range(0, len(order), _BATCH_SIZE):
        batch = order[start : start + _BATCH_SIZE]
        changes = [
            {"user_id": bundle.users[user], "item_id": bundle.ids[item],
             "feedback_type": bundle.kinds[kind], "value": 0.0, "weight": weight,
             "timestamp": time}
            for user, item, kind, weight, time in zip(
                events.users[batch].tolist(), events.items[batch].tolist(),
                events.kinds[batch].tolist(), events.weights[batch].tolist(),
                times[batch].tolist(), strict=True,
            )
        ]  # fmt: skip
        connection.execute(statement, [{**row, "updated": now, "comment": ""} for row in changes])
        change_log.append_changes(connection, change_log.FEEDBACK, changes)
        progress("import events", min(start + _BATCH_SIZE, len(order)), len(order))


def _unique_times(events: Interactions) -> tuple[Ints, Ints]:
    """Return the events' order in time, and their times in microseconds.

    Events of one user in the same second, or without a time, keep the order of the data: each is a
    microsecond later than the one before.
    """
    seconds = np.maximum(events.times, 0)
    order = np.lexsort((np.arange(len(events)), seconds, events.users))
    first = np.searchsorted(events.users[order], events.users[order], "left")
    times = np.empty(len(events), np.int64)
    times[order] = seconds[order] * _SECOND + (np.arange(len(order)) - first) % _SECOND
    return np.argsort(times, kind="stable"), times


def _batches(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (values[start : start + _BATCH_SIZE] for start in range(0, len(values), _BATCH_SIZE))


def _without_nul(title: str) -> str:
    return title.replace("\0", "")  # PostgreSQL's text can't hold it
