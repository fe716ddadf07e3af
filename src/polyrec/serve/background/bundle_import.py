"""What an empty database takes over from a bundle: items, users, and what they did.

From then on the database is what counts: a user or item deleted there stays deleted. A further
bundle brings only its items that were never there. Kinds become feedback types; what training
held each event worth is kept beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from polyrec.artifact.bundle import Bundle
from polyrec.database import change_log
from polyrec.database.database import Database, dialect_insert, insert_new
from polyrec.database.tables import FEEDBACK, ITEMS, META, USERS
from polyrec.types import Interactions, Ints, Progress, silent

_AT_ONCE = 20_000
_SECOND = 1_000_000  # microseconds


def import_bundle(database: Database, bundle: Bundle, *, progress: Progress = silent) -> bool:
    """Return whether the bundle was new to the database and something was taken over."""
    if is_imported(database, bundle.fingerprint):
        return False
    with database.write() as connection:
        if _met(connection, bundle.fingerprint):  # another worker was faster
            return False
        empty = connection.scalar(sa.select(sa.func.count()).select_from(USERS)) == 0
        _put_items(connection, bundle)
        if empty:
            _put_users(connection, bundle.users)
            _put_events(connection, bundle, progress)
        mark_imported(connection, bundle)
    return True


def is_imported(database: Database, fingerprint: str) -> bool:
    """Return whether a bundle of these data was taken over before."""
    with database.read() as connection:
        return _met(connection, fingerprint)


def mark_imported(connection: Connection, bundle: Bundle) -> None:
    """Note that a bundle was made from this database, or taken over: nothing of it comes again."""
    row = {"name": _mark(bundle.fingerprint), "value": str(change_log.now_us())}
    insert_new(connection, META, [row])


def record_snapshot(connection: Connection, version: str, moment: int) -> None:
    """Note that the bundle in the folder `version` knows all that was sent up to a moment."""
    row = {"name": f"snapshot {version}", "value": str(moment)}
    statement = dialect_insert(connection, META)
    fresh = {"value": statement.excluded["value"]}
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=fresh), [row])


def snapshot_time(connection: Connection, version: str) -> int:
    """Return up to when a bundle knows what was sent; 0 for one that was not made from here."""
    found = connection.scalar(sa.select(META.c.value).where(META.c.name == f"snapshot {version}"))
    return int(found or 0)


def _mark(fingerprint: str) -> str:
    return f"bundle {fingerprint}"


def _met(connection: Connection, fingerprint: str) -> bool:
    query = sa.select(META.c.value).where(META.c.name == _mark(fingerprint))
    return connection.scalar(query) is not None


def _put_items(connection: Connection, bundle: Bundle) -> None:
    # the data give items no time: they are older than all that come later
    plain = {"is_hidden": False, "categories": "[]", "timestamp": 0, "labels": "null"}
    plain |= {"status": "live", "reason": "", "revision": 0, "described": False}
    statement = dialect_insert(connection, ITEMS).on_conflict_do_nothing()
    pairs = list(zip(bundle.ids, bundle.titles, strict=True))
    for part in _parts(pairs):
        rows = [{"item_id": name, "comment": _text(title), **plain} for name, title in part]
        connection.execute(statement, rows)
        change_log.append_changes(
            connection, change_log.ITEM, [{"item_id": row["item_id"]} for row in rows]
        )


def _put_users(connection: Connection, users: Sequence[str]) -> None:
    for part in _parts(users):
        rows = [{"user_id": name, "labels": "null", "comment": ""} for name in part]
        connection.execute(USERS.insert(), rows)


def _put_events(connection: Connection, bundle: Bundle, progress: Progress) -> None:
    events = bundle.events
    order, times = _in_time(events)
    statement = dialect_insert(connection, FEEDBACK).on_conflict_do_nothing()
    made = change_log.now_us()
    for start in range(0, len(order), _AT_ONCE):
        chosen = order[start : start + _AT_ONCE]
        told = [
            {"user_id": bundle.users[user], "item_id": bundle.ids[item],
             "feedback_type": bundle.kinds[kind], "value": 0.0, "weight": weight,
             "timestamp": time}
            for user, item, kind, weight, time in zip(
                events.users[chosen].tolist(), events.items[chosen].tolist(),
                events.kinds[chosen].tolist(), events.weights[chosen].tolist(),
                times[chosen].tolist(), strict=True,
            )
        ]  # fmt: skip
        rows: list[dict[str, Any]] = [{**row, "updated": made, "comment": ""} for row in told]
        connection.execute(statement, rows)
        change_log.append_changes(connection, change_log.FEEDBACK, told)
        progress("take over events", min(start + _AT_ONCE, len(order)), len(order))


def _in_time(events: Interactions) -> tuple[Ints, Ints]:
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


def _parts(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE))


def _text(title: str) -> str:
    return title.replace("\0", "")  # PostgreSQL's text can't hold it
