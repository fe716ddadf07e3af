"""The append-only log: what changed, in the order in which it became visible.

A worker reads the changes after the last one it has applied (`ChangeReader`) before each answer, so
that what one worker acknowledged counts in the next answer of every other.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from polyrec.database.database import Database, bulk_insert
from polyrec.database.tables import LOG

FEEDBACK, NO_FEEDBACK, ITEM, FORGET = "feedback", "no feedback", "item", "forget"
_AT_ONCE = 10_000
_KEEP_ERASED = 86_400_000_000  # a day: every worker has read it by then


class Change(NamedTuple):
    """One row of the log."""

    sequence: int
    action: str
    user_id: str | None  # for `forget` the user's digest
    item_id: str | None
    feedback_type: str | None
    value: float | None
    weight: float | None
    timestamp: int
    made: int


_COLUMNS = [LOG.c[name] for name in Change._fields]
# said outright, so that the database sees that its partial index fits
_ERASED = LOG.c.action == sa.literal_column(f"'{FORGET}'")
_NEWER = sa.select(*_COLUMNS).where(LOG.c.sequence > sa.bindparam("after")).order_by(LOG.c.sequence)


def now_us() -> int:
    """Return the microseconds since 1970."""
    return time.time_ns() // 1000


def append_changes(connection: Connection, action: str, rows: Iterable[dict[str, Any]]) -> None:
    """Write one row per change, in this order."""
    made = now_us()
    full = [{"timestamp": made, **row, "action": action, "made": made} for row in rows]
    bulk_insert(connection, LOG, full)


def erase_user(connection: Connection, user_id: str, secret: bytes) -> int:
    """Return how many of a user's rows were erased; leave a digest for the other workers.

    It says, too, whom models that were trained earlier must not know any more.
    """
    gone = connection.execute(LOG.delete().where(LOG.c.user_id == user_id)).rowcount
    append_changes(connection, FORGET, [{"user_id": user_digest(user_id, secret)}])
    return int(gone)


def erased_users(connection: Connection) -> dict[str, int]:
    """Return the digests of users who were erased, and when."""
    rows = connection.execute(
        sa.select(LOG.c.user_id, LOG.c.made).where(_ERASED).order_by(LOG.c.made)
    )
    return {str(name): int(made) for name, made in rows}


def drop_erasures(connection: Connection, *, before: int) -> None:
    """Drop the digests of those whom no model knows: all were trained after `before`."""
    limit = min(before, now_us() - _KEEP_ERASED)
    connection.execute(LOG.delete().where(_ERASED & (LOG.c.made < limit)))


def user_digest(user_id: str, secret: bytes) -> str:
    """Return what stands for a user who may not be named any more."""
    return hashlib.blake2b(user_id.encode(), key=secret, digest_size=16).hexdigest()


def last_sequence(connection: Connection) -> int:
    """Return the newest sequence number, 0 for none."""
    return int(connection.scalar(sa.select(sa.func.max(LOG.c.sequence))) or 0)


def recent_feedback(connection: Connection, count: int) -> list[Change]:
    """Return the feedback among the latest rows of the log that still holds, oldest first."""
    rows = sa.select(*_COLUMNS).order_by(LOG.c.sequence.desc()).limit(count)
    found: list[Change] = []
    gone: set[tuple[str | None, ...]] = set()
    for row in connection.execute(rows):  # from the end: what was deleted is known before it comes
        change = Change(*row)
        pair = (change.user_id, change.item_id)
        if change.action == NO_FEEDBACK:
            gone.add((*pair, change.feedback_type))
        elif change.action == FEEDBACK and not gone & {
            (*pair, None),
            (*pair, change.feedback_type),
        }:
            found.append(change)
    return found[::-1]


class ChangeReader:
    """Reads what is newer than a number, on a connection of its own.

    On SQLite the question goes straight to the driver: 9 microseconds instead of 70, and it is
    asked before every answer. One thread at a time.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._driver: Any = None
        self._sql = str(_NEWER.compile(dialect=database.engine.dialect))

    def after(self, sequence: int) -> list[Change]:
        """Return the changes with larger numbers, oldest first; some thousands at most."""
        if self._database.remote:
            with self._database.read() as connection:
                rows = connection.execute(_NEWER.limit(_AT_ONCE), {"after": sequence}).all()
            return [Change(*row) for row in rows]
        with self._lock:
            if self._connection is None:
                options = {"isolation_level": "AUTOCOMMIT"}
                self._connection = self._database.engine.connect().execution_options(**options)
                self._driver = self._connection.connection.driver_connection
            rows = self._driver.execute(self._sql, (sequence,)).fetchmany(_AT_ONCE)
        return [Change(*row) for row in rows]

    def close(self) -> None:
        """Give the connection back."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
