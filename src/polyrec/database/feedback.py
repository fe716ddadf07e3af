"""Feedback: what people did, as it stands now; each change goes to the log.

Gorse's rules: of a type, user and item there is one feedback. An insert keeps what is there
(`overwrite` replaces it), and makes users and items that nobody knew yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from polyrec.database import change_log
from polyrec.database.database import dialect_insert, insert_new
from polyrec.database.tables import FEEDBACK, ITEMS, USERS

_KEY = ("user_id", "item_id", "feedback_type")
_TOLD = ("value", "timestamp", "updated", "comment", "weight")


@dataclass(frozen=True)
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


class Event(NamedTuple):
    """What a history needs to know of one feedback."""

    item_id: str
    feedback_type: str
    value: float
    weight: float | None
    timestamp: int


_HISTORY = (
    sa.select(*(FEEDBACK.c[name] for name in Event._fields))
    .where(FEEDBACK.c.user_id == sa.bindparam("user"))
    # by item where the time is the same: the order does not depend on luck
    .order_by(FEEDBACK.c.timestamp.desc(), FEEDBACK.c.item_id, FEEDBACK.c.feedback_type)
    .limit(sa.bindparam("longest"))
)


def put_feedback(connection: Connection, given: Sequence[Feedback], *, overwrite: bool) -> int:
    """Return how many feedbacks were new or replaced; of several on one key the first counts.

    With `overwrite` the last counts.
    """
    made = change_log.now_us()
    ordered = given if overwrite else list(reversed(given))
    rows = {(f.user_id, f.item_id, f.feedback_type): _row(f, made) for f in ordered}
    if not rows:
        return 0
    _insert_unknown(connection, rows, made)
    changed = list(rows.values())
    if overwrite:
        statement = dialect_insert(connection, FEEDBACK)
        fresh = {name: statement.excluded[name] for name in _TOLD}
        statement = statement.on_conflict_do_update(index_elements=list(_KEY), set_=fresh)
        connection.execute(statement, changed)
    else:
        changed = insert_new(connection, FEEDBACK, changed)
    change_log.append_changes(connection, change_log.FEEDBACK, map(_told, changed))
    return len(changed)


def delete_feedback(
    connection: Connection, user_id: str, item_id: str, *, feedback_type: str | None = None
) -> int:
    """Return how many feedbacks between a user and an item were deleted, of one type or all."""
    where = (FEEDBACK.c.user_id == user_id) & (FEEDBACK.c.item_id == item_id)
    if feedback_type is not None:
        where &= FEEDBACK.c.feedback_type == feedback_type
    gone = connection.execute(FEEDBACK.delete().where(where)).rowcount
    if gone:
        row = {"user_id": user_id, "item_id": item_id, "feedback_type": feedback_type}
        change_log.append_changes(connection, change_log.NO_FEEDBACK, [row])
    return gone


def recent_events(connection: Connection, user_id: str, *, longest: int) -> list[Event]:
    """Return a user's latest feedback, oldest first."""
    asked = {"user": user_id, "longest": longest}
    rows = connection.execute(_HISTORY, asked).all()
    return [Event(*row) for row in reversed(rows)]


def list_feedback(
    connection: Connection,
    *,
    feedback_type: str | None,
    after: tuple[str, str, str] | None,
    count: int,
) -> list[Feedback]:
    """Return feedback by user, item and type, what stands behind `after`; none of the future."""
    key = [FEEDBACK.c[name] for name in _KEY]
    query = sa.select(FEEDBACK).where(FEEDBACK.c.timestamp <= change_log.now_us())
    if feedback_type is not None:  # the same for all: the index of the type goes on with the others
        query = query.where(FEEDBACK.c.feedback_type == feedback_type)
        key = key[:2]
    if after is not None:
        query = query.where(sa.tuple_(*key) > sa.tuple_(*after[: len(key)]))
    return _found(connection, query.order_by(*key).limit(count))


def find_feedback(connection: Connection, *, count: int, **equal: str | None) -> list[Feedback]:
    """Return feedback whose user_id, item_id or feedback_type are as given, by the key."""
    query = sa.select(FEEDBACK).order_by(*(FEEDBACK.c[name] for name in _KEY)).limit(count)
    for name, value in equal.items():
        if value is not None:
            query = query.where(FEEDBACK.c[name] == value)
    return _found(connection, query)


def users_sharing_items(
    connection: Connection, user_id: str, items: Sequence[str], *, count: int
) -> list[str]:
    """Return the other users with most of these items."""
    shared = sa.func.count(FEEDBACK.c.item_id.distinct())
    query = sa.select(FEEDBACK.c.user_id).where(
        FEEDBACK.c.item_id.in_(items), FEEDBACK.c.user_id != user_id
    )
    query = query.group_by(FEEDBACK.c.user_id).order_by(shared.desc(), FEEDBACK.c.user_id)
    return list(connection.scalars(query.limit(count)))


def _insert_unknown(
    connection: Connection, rows: dict[tuple[str, str, str], dict[str, Any]], made: int
) -> None:
    users = [
        {"user_id": name, "labels": "null", "comment": ""}
        for name in sorted({key[0] for key in rows})
    ]
    insert_new(connection, USERS, users)
    blank = {"is_hidden": False, "categories": "[]", "labels": "null", "comment": ""}
    blank |= {"timestamp": made, "status": "queued", "reason": ""}
    blank |= {"revision": made, "described": True}
    items = [{"item_id": name, **blank} for name in sorted({key[1] for key in rows})]
    fresh = insert_new(connection, ITEMS, items)
    change_log.append_changes(
        connection, change_log.ITEM, [{"item_id": row["item_id"]} for row in fresh]
    )


def _row(given: Feedback, made: int) -> dict[str, Any]:
    timestamp = made if given.timestamp is None else given.timestamp
    return {**vars(given), "timestamp": timestamp, "updated": made}


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in (*_KEY, "value", "weight", "timestamp")}


def _found(connection: Connection, query: Any) -> list[Feedback]:
    return [Feedback(**row) for row in connection.execute(query).mappings()]
