"""Feedback of users on items, as it is now; every change is appended to the log.

As in Gorse, there is one feedback per type, user and item. An insert adds its value to that of an
existing one, or replaces it with `overwrite`, and creates unknown users and items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection

from polyrec.database import change_log
from polyrec.database.database import chunks_of
from polyrec.database.inserts import dialect_insert, insert_new
from polyrec.database.records import UNDESCRIBED
from polyrec.database.tables import FEEDBACK, ITEMS, USERS

_MAX_JOINED = 1_000  # rows of writes that are joined
_KEY = ("user_id", "item_id", "feedback_type")
_VALUES = ("value", "timestamp", "updated", "comment", "weight")


FeedbackKey = tuple[str, str, str]
"""User, item and type: the primary key."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """One feedback; `timestamp` and `updated` are microseconds since 1970, None for now."""

    feedback_type: str
    user_id: str
    item_id: str
    value: float = 0.0
    timestamp: int | None = None
    comment: str = ""
    weight: float | None = None
    updated: int | None = None
    delay: int = 0  # microseconds after now until it counts, without a timestamp

    @property
    def key(self) -> FeedbackKey:
        """Return the primary key."""
        return self.user_id, self.item_id, self.feedback_type

    def is_due(self, now: int) -> bool:
        """Return whether it counts, as `Event.is_due`."""
        return (self.timestamp or 0) <= max(now, self.updated or 0)


class Event(NamedTuple):
    """The columns of a feedback that a history needs."""

    item_id: str
    feedback_type: str
    value: float
    weight: float | None
    timestamp: int
    updated: int = 0  # when it was written

    def is_due(self, now: int) -> bool:
        """Return whether it counts: it was not written for a time that is still to come."""
        return self.timestamp <= max(now, self.updated)


def is_due(now: int) -> sa.ColumnElement[bool]:
    """Return the condition that feedback counts, as `Event.is_due`."""
    return (FEEDBACK.c.timestamp <= now) | (FEEDBACK.c.timestamp <= FEEDBACK.c.updated)


HISTORY = (
    sa.select(*(FEEDBACK.c[name] for name in Event._fields))
    .where(FEEDBACK.c.user_id == sa.bindparam("user"))
    # by item and type where times are equal: the order is deterministic
    .order_by(FEEDBACK.c.timestamp.desc(), FEEDBACK.c.item_id, FEEDBACK.c.feedback_type)
    .limit(sa.bindparam("longest"))
)
"""The latest events of a `user`, newest first, at most `longest`."""


_OWNED_EVENT = [FEEDBACK.c[name] for name in ("user_id", *Event._fields)]
_PAIR_SQL = str(
    sa.select(*_OWNED_EVENT)
    .where(FEEDBACK.c.user_id == sa.bindparam("user"), FEEDBACK.c.item_id == sa.bindparam("item"))
    .compile(dialect=sqlite.dialect())
)


@dataclass(frozen=True)
class FeedbackWrite:
    """A writer's operation that puts feedback.

    Those that wait together are one: a statement costs more than its rows, and while it runs the
    writers of all workers wait.
    """

    rows: Sequence[Feedback]
    overwrite: bool
    keys: frozenset[FeedbackKey]

    @classmethod
    def of(cls, rows: Sequence[Feedback], *, overwrite: bool) -> FeedbackWrite:
        """Return the operation that puts these rows."""
        return cls(rows, overwrite, frozenset(feedback.key for feedback in rows))

    def __call__(self, connection: Connection) -> None:
        """Put the rows."""
        put_feedback(connection, self.rows, overwrite=self.overwrite)

    def joined(self, later: object) -> FeedbackWrite | None:
        """Return one operation for both, unless they are large or have a key in common.

        The value of the later one is then added to what the earlier one has inserted.
        """
        if not isinstance(later, FeedbackWrite) or later.overwrite != self.overwrite:
            return None
        is_large = len(self.rows) + len(later.rows) > _MAX_JOINED
        if is_large or not self.keys.isdisjoint(later.keys):
            return None
        rows = [*self.rows, *later.rows]
        return FeedbackWrite(rows, self.overwrite, self.keys | later.keys)


def put_feedback(connection: Connection, feedback: Sequence[Feedback], *, overwrite: bool) -> int:
    """Insert feedback and return how many were new, added to or replaced.

    Without `overwrite` an existing one keeps its time and comment, and a value of 0 adds nothing.
    Of several with the same key the first counts, with `overwrite` the last.
    """
    return sum(_put_chunk(connection, chunk, overwrite=overwrite) for chunk in chunks_of(feedback))


def _put_chunk(connection: Connection, feedback: Sequence[Feedback], *, overwrite: bool) -> int:
    now = change_log.write_time(connection, len(feedback))
    rows: dict[FeedbackKey, dict[str, Any]] = {}
    for time, row in enumerate(feedback, now):  # the order of a body is that of its events
        if overwrite or row.key not in rows:
            rows[row.key] = _row(row, time)
    _insert_unknown(connection, rows, now)
    changed = list(rows.values())
    if overwrite:
        statement = dialect_insert(connection, FEEDBACK)
        values = {name: statement.excluded[name] for name in _VALUES}
        statement = statement.on_conflict_do_update(index_elements=list(_KEY), set_=values)
        connection.execute(statement, changed)
    else:
        inserted = insert_new(connection, FEEDBACK, changed)
        new = {id(row) for row in inserted}
        added = [row for row in changed if row["value"] and id(row) not in new]
        changed = [*inserted, *_add_values(connection, added)]
        changed.sort(key=itemgetter("updated"))
    change_log.append_changes(connection, change_log.FEEDBACK, map(_log_row, changed))
    return len(changed)


def _add_values(connection: Connection, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add values to those of existing feedback; return it as it is now."""
    if not rows:
        return []
    key = sa.and_(*(FEEDBACK.c[name] == sa.bindparam(f"at_{name}") for name in _KEY))
    statement = FEEDBACK.update().where(key).values(
        value=FEEDBACK.c.value + sa.bindparam("more"), updated=sa.bindparam("now")
    )  # fmt: skip
    connection.execute(statement, [
        {"more": row["value"], "now": row["updated"], **{f"at_{name}": row[name] for name in _KEY}}
        for row in rows
    ])  # fmt: skip
    stored = []
    for row in rows:
        query = sa.select(FEEDBACK).where(*(FEEDBACK.c[name] == row[name] for name in _KEY))
        stored += [dict(row) for row in connection.execute(query).mappings()]
    return stored


def delete_feedback(
    connection: Connection, user_id: str, item_id: str, *, feedback_type: str | None = None
) -> int:
    """Delete the feedback of a user on an item, of one type or all; return how many."""
    where = (FEEDBACK.c.user_id == user_id) & (FEEDBACK.c.item_id == item_id)
    if feedback_type is not None:
        where &= FEEDBACK.c.feedback_type == feedback_type
    deleted = connection.execute(FEEDBACK.delete().where(where)).rowcount
    if deleted:
        row = {"user_id": user_id, "item_id": item_id, "feedback_type": feedback_type}
        change_log.append_changes(connection, change_log.NO_FEEDBACK, [row])
    return deleted


def recent_events(connection: Connection, user_id: str, *, longest: int) -> list[Event]:
    """Return the latest feedback of a user, oldest first, at most `longest`."""
    rows = connection.execute(HISTORY, {"user": user_id, "longest": longest}).all()
    return [Event(*row) for row in reversed(rows)]


def events_of_pairs(
    connection: Connection, pairs: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], list[Event]]:
    """Return the feedback of each pair of user and item; pairs without any are left out.

    On SQLite this bypasses SQLAlchemy, and looks up one pair after the other: for many at once it
    would read the whole table.
    """
    events: dict[tuple[str, str], list[Event]] = {}
    if connection.dialect.name == "sqlite":
        cursor = connection.connection.cursor()
        for pair in pairs:
            rows = cursor.execute(_PAIR_SQL, pair).fetchall()
            if rows:
                events[pair] = [Event(*row[1:]) for row in rows]
        cursor.close()
        return events
    key = sa.tuple_(FEEDBACK.c.user_id, FEEDBACK.c.item_id)
    for user, *values in connection.execute(sa.select(*_OWNED_EVENT).where(key.in_(pairs))):
        event = Event(*values)
        events.setdefault((user, event.item_id), []).append(event)
    return events


def list_feedback(
    connection: Connection,
    *,
    feedback_type: str | None,
    after: FeedbackKey | None,
    count: int,
) -> list[Feedback]:
    """Return feedback sorted by user, item and type, from `after` on; none of the future."""
    key = [FEEDBACK.c[name] for name in _KEY]
    query = sa.select(FEEDBACK).where(is_due(change_log.now_us()))
    if feedback_type is not None:  # constant, so the index by type sorts by the rest
        query = query.where(FEEDBACK.c.feedback_type == feedback_type)
        key = key[:2]
    if after is not None:
        query = query.where(sa.tuple_(*key) > sa.tuple_(*after[: len(key)]))
    return _feedback(connection, query.order_by(*key).limit(count))


def find_feedback(
    connection: Connection,
    equal: Mapping[str, str],
    *,
    count: int,
    after: FeedbackKey | None = None,
) -> list[Feedback]:
    """Return feedback with these values of user_id, item_id or feedback_type, sorted by key.

    With `after`, those behind a key.
    """
    key = [FEEDBACK.c[name] for name in _KEY]
    query = sa.select(FEEDBACK).order_by(*key).limit(count)
    if after is not None:
        query = query.where(sa.tuple_(*key) > sa.tuple_(*after))
    for name, value in equal.items():
        query = query.where(FEEDBACK.c[name] == value)
    return _feedback(connection, query)


def users_sharing_items(
    connection: Connection, user_id: str, items: Sequence[str], *, count: int
) -> list[str]:
    """Return the other users with most of these items, the most first."""
    shared = sa.func.count(FEEDBACK.c.item_id.distinct())
    query = sa.select(FEEDBACK.c.user_id).where(
        FEEDBACK.c.item_id.in_(items), FEEDBACK.c.user_id != user_id
    )
    query = query.group_by(FEEDBACK.c.user_id).order_by(shared.desc(), FEEDBACK.c.user_id)
    return list(connection.scalars(query.limit(count)))


def _insert_unknown(
    connection: Connection, rows: dict[tuple[str, str, str], dict[str, Any]], now: int
) -> None:
    users = [
        {"user_id": name, "labels": "null", "comment": ""}
        for name in sorted({key[0] for key in rows})
    ]
    insert_new(connection, USERS, users)
    blank = {"is_hidden": False, "categories": "[]", "labels": "null", "comment": ""}
    blank |= {"timestamp": now, "status": UNDESCRIBED, "reason": ""}
    blank |= {"revision": 0, "described": True}
    items = [{"item_id": name, **blank} for name in sorted({key[1] for key in rows})]
    inserted = insert_new(connection, ITEMS, items)
    change_log.append_changes(
        connection, change_log.ITEM, [{"item_id": row["item_id"]} for row in inserted]
    )


def _row(feedback: Feedback, now: int) -> dict[str, Any]:
    timestamp = now + feedback.delay if feedback.timestamp is None else feedback.timestamp
    return {
        "feedback_type": feedback.feedback_type,
        "user_id": feedback.user_id,
        "item_id": feedback.item_id,
        "value": feedback.value,
        "timestamp": timestamp,
        "comment": feedback.comment,
        "weight": feedback.weight,
        "updated": now,
    }


def _log_row(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in (*_KEY, "value", "weight", "timestamp")}


def _feedback(connection: Connection, query: Any) -> list[Feedback]:
    return [Feedback(**row) for row in connection.execute(query).mappings()]
