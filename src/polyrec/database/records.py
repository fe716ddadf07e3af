"""Users and items: insert, change, list and delete, inside a transaction of `Database`.

As in Gorse, inserting a known user or item replaces it, and deleting one deletes its feedback.
Changes of items are appended to the log, so that every worker updates its catalogue.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from polyrec.database import change_log
from polyrec.database.database import chunks_of
from polyrec.database.inserts import dialect_insert, insert_new
from polyrec.database.tables import FEATURES, FEEDBACK, ITEMS, MEDIA, USERS
from polyrec.index.tastes import Taste, TasteEdits

QUEUED, LIVE, QUARANTINED = "queued", "live", "quarantined"
UNDESCRIBED = "undescribed"
"""The status of an item that is known from feedback alone: it is in no list."""

_CHUNK = 500  # ids per statement
_JSON = ("labels", "categories")


@dataclass(frozen=True)
class UserRecord:
    """One user's record."""

    user_id: str
    labels: Any = None  # any JSON
    comment: str = ""
    tastes: TasteEdits | None = None  # None in an insert: those that are stored stay


@dataclass(frozen=True)
class ItemRecord:
    """One item's record; without a timestamp the stored one stays, or that of the insert."""

    item_id: str
    is_hidden: bool = False
    categories: tuple[str, ...] = ()
    timestamp: int | None = None  # microseconds since 1970
    labels: Any = None  # any JSON
    comment: str = ""
    status: str = QUEUED
    reason: str = ""
    revision: int = 0  # grows when its content changes, like the numbers of the log
    described: bool = True  # whether the comment is its text content

    @property
    def title(self) -> str:
        """Return the first line of the comment."""
        return self.comment.strip().partition("\n")[0]


def put_users(connection: Connection, users: Sequence[UserRecord]) -> int:
    """Insert users, replacing known ones; return how many."""
    for chunk in chunks_of(users):
        rows = {
            user.user_id: _packed(vars(user)) | {"tastes": _pack_tastes(user.tastes)}
            for user in chunk
        }
        statement = dialect_insert(connection, USERS)
        values = {name: statement.excluded[name] for name in ("labels", "comment")}
        values["tastes"] = sa.func.coalesce(statement.excluded["tastes"], USERS.c.tastes)
        statement = statement.on_conflict_do_update(index_elements=["user_id"], set_=values)
        connection.execute(statement, list(rows.values()))
        stated = [{"user_id": name} for name, row in rows.items() if row["tastes"] is not None]
        change_log.append_changes(connection, change_log.TASTES, stated)
    return len(users)


def change_user(connection: Connection, user_id: str, changes: Mapping[str, Any]) -> int:
    """Change columns of a user; return 1 if the user exists, else 0."""
    where = USERS.c.user_id == user_id
    if not changes:
        return int(find_user(connection, user_id) is not None)
    return connection.execute(USERS.update().where(where).values(_packed(changes))).rowcount


def delete_user(connection: Connection, user_id: str, secret: bytes) -> int:
    """Erase a user from records, feedback and log; return 1 if there was anything, else 0."""
    deleted = connection.execute(USERS.delete().where(USERS.c.user_id == user_id)).rowcount
    deleted += connection.execute(FEEDBACK.delete().where(FEEDBACK.c.user_id == user_id)).rowcount
    deleted += change_log.erase_user(connection, user_id, secret)
    return int(deleted > 0)


def find_user(connection: Connection, user_id: str) -> UserRecord | None:
    """Return a user by id."""
    row = connection.execute(sa.select(USERS).where(USERS.c.user_id == user_id)).first()
    return _user(row._mapping) if row else None


def list_users(connection: Connection, *, after: str | None, count: int) -> list[UserRecord]:
    """Return users sorted by id, from behind `after` on."""
    query = sa.select(USERS).order_by(USERS.c.user_id).limit(count)
    if after is not None:
        query = query.where(USERS.c.user_id > after)
    return [_user(row) for row in connection.execute(query).mappings()]


def user_tastes(connection: Connection, user_id: str) -> TasteEdits:
    """Return what a user stated, oldest first."""
    query = sa.select(USERS.c.tastes).where(USERS.c.user_id == user_id)
    return unpack_tastes(connection.scalar(query))


def edit_tastes(
    connection: Connection, user_id: str, change: Callable[[TasteEdits], TasteEdits]
) -> int:
    """Change what a user stated; return 1 if that is another list now, else 0.

    An unknown user is created.
    """
    insert_new(connection, USERS, [{"user_id": user_id, "labels": "null", "comment": ""}])
    where = USERS.c.user_id == user_id
    stored = connection.scalar(sa.select(USERS.c.tastes).where(where).with_for_update())
    before = unpack_tastes(stored)
    after = change(before)
    if after == before:
        return 0
    connection.execute(USERS.update().where(where).values(tastes=_pack_tastes(after or None)))
    change_log.append_changes(connection, change_log.TASTES, [{"user_id": user_id}])
    return 1


def any_tastes(connection: Connection) -> bool:
    """Return whether any user stated something."""
    query = sa.select(USERS.c.user_id).where(USERS.c.tastes.is_not(None)).limit(1)
    return connection.scalar(query) is not None


def unpack_tastes(stored: str | None) -> TasteEdits:
    """Return the edits in a column."""
    return tuple(Taste(*values) for values in json.loads(stored)) if stored else ()


def put_items(connection: Connection, items: Sequence[ItemRecord]) -> int:
    """Insert items, replacing known ones; return how many.

    An item whose comment is new is queued for encoding.
    """
    for chunk in chunks_of(items):
        _put_item_chunk(connection, chunk)
    return len(items)


def _put_item_chunk(connection: Connection, items: Sequence[ItemRecord]) -> None:
    now, revision = change_log.write_time(connection), change_log.next_revision(connection)
    rows = {item.item_id: _packed({**vars(item), "made": now}) for item in items}
    statement = dialect_insert(connection, ITEMS)
    values = {
        name: statement.excluded[name] for name in ("is_hidden", "categories", "labels", "comment")
    }
    initial = {"status": QUEUED, "reason": "", "revision": revision, "described": True}
    changes = _content_changes(statement.excluded["comment"], revision)
    timestamp = sa.bindparam("explicit", type_=sa.BigInteger)
    statement = statement.values(
        {**{name: sa.bindparam(name) for name in ("item_id", *values)}, **initial,
         "timestamp": sa.func.coalesce(timestamp, sa.bindparam("made", type_=sa.BigInteger))}
    ).on_conflict_do_update(
        index_elements=["item_id"],
        set_={**values, **changes, "timestamp": sa.func.coalesce(timestamp, ITEMS.c.timestamp)},
    )  # fmt: skip
    for row in rows.values():
        row["explicit"] = row.pop("timestamp")
        for name in initial:
            del row[name]
    connection.execute(statement, list(rows.values()))
    change_log.append_changes(
        connection, change_log.ITEM, [{"item_id": item_id} for item_id in rows]
    )


def change_item(connection: Connection, item_id: str, changes: Mapping[str, Any]) -> int:
    """Change columns of an item; return 1 if the item exists, else 0."""
    where = ITEMS.c.item_id == item_id
    if not changes:
        return int(find_item(connection, item_id) is not None)
    values = _packed(changes)
    comment = values.get("comment", ITEMS.c.comment)
    values |= _content_changes(comment, change_log.next_revision(connection))
    changed = connection.execute(ITEMS.update().where(where).values(values)).rowcount
    if changed:
        change_log.append_changes(connection, change_log.ITEM, [{"item_id": item_id}])
    return changed


def delete_item(connection: Connection, item_id: str) -> int:
    """Delete an item and its feedback; return 1 if there was anything, else 0."""
    users = sa.select(FEEDBACK.c.user_id).distinct().where(FEEDBACK.c.item_id == item_id)
    feedback = [{"item_id": item_id, "user_id": name} for name in connection.scalars(users)]
    connection.execute(FEEDBACK.delete().where(FEEDBACK.c.item_id == item_id))
    for table in (MEDIA, FEATURES):
        connection.execute(table.delete().where(table.c.item_id == item_id))
    deleted = connection.execute(ITEMS.delete().where(ITEMS.c.item_id == item_id)).rowcount
    change_log.append_changes(connection, change_log.NO_FEEDBACK, feedback)
    if deleted:
        change_log.append_changes(connection, change_log.ITEM, [{"item_id": item_id}])
    return int(deleted > 0 or bool(feedback))


def find_item(connection: Connection, item_id: str) -> ItemRecord | None:
    """Return an item by id."""
    row = connection.execute(sa.select(ITEMS).where(ITEMS.c.item_id == item_id)).first()
    return _item(row._mapping) if row else None


def items_by_id(connection: Connection, item_ids: Sequence[str]) -> list[ItemRecord]:
    """Return those of the items that exist."""
    records = []
    for start in range(0, len(item_ids), _CHUNK):
        query = sa.select(ITEMS).where(ITEMS.c.item_id.in_(item_ids[start : start + _CHUNK]))
        records += [_item(row) for row in connection.execute(query).mappings()]
    return records


def list_items(connection: Connection, *, after: str | None, count: int) -> list[ItemRecord]:
    """Return items sorted by id, from behind `after` on."""
    query = sa.select(ITEMS).order_by(ITEMS.c.item_id).limit(count)
    if after is not None:
        query = query.where(ITEMS.c.item_id > after)
    return [_item(row) for row in connection.execute(query).mappings()]


def count_by_status(connection: Connection) -> dict[str, int]:
    """Return how many items are live, queued and quarantined."""
    query = sa.select(ITEMS.c.status, sa.func.count()).group_by(ITEMS.c.status)
    return {status: int(count) for status, count in connection.execute(query)}


def select_items(connection: Connection, query: Any) -> list[ItemRecord]:
    """Return the items of a query that selects all columns."""
    return [_item(row) for row in connection.execute(query).mappings()]


def all_items(connection: Connection) -> Iterator[ItemRecord]:
    """Yield all items, sorted by id."""
    streamed = connection.execution_options(yield_per=5_000)
    for row in streamed.execute(sa.select(ITEMS).order_by(ITEMS.c.item_id)).mappings():
        yield _item(row)


def queued_items(connection: Connection, count: int) -> list[ItemRecord]:
    """Return items that are queued for encoding, the oldest first."""
    query = sa.select(ITEMS).where(ITEMS.c.status == QUEUED)
    query = query.order_by(ITEMS.c.revision, ITEMS.c.item_id).limit(count)
    return [_item(row) for row in connection.execute(query).mappings()]


def _content_changes(comment: Any, revision: int) -> dict[str, Any]:
    """Return the columns that queue an item for encoding if its comment is new."""
    changed = (ITEMS.c.comment != comment) | (ITEMS.c.status == UNDESCRIBED)
    values = {"status": QUEUED, "reason": "", "revision": revision, "described": True}
    return {name: sa.case((changed, value), else_=ITEMS.c[name]) for name, value in values.items()}


def add_category(connection: Connection, item_id: str, category: str) -> int | None:
    """Add a category to an item; return 1, or None if there is no such item."""
    stored = find_item(connection, item_id)
    if stored is None:
        return None
    if category not in stored.categories:
        change_item(connection, item_id, {"categories": (*stored.categories, category)})
    return 1


def remove_category(connection: Connection, item_id: str, category: str) -> int | None:
    """Remove a category of an item; return 1 if it had it, else 0, None for an unknown item."""
    stored = find_item(connection, item_id)
    if stored is None:
        return None
    if category not in stored.categories:
        return 0
    left = tuple(name for name in stored.categories if name != category)
    return change_item(connection, item_id, {"categories": left})


def _packed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a record, JSON as text."""
    return {
        name: json.dumps(value, ensure_ascii=True) if name in _JSON else value
        for name, value in values.items()
    }


def _unpacked(row: Any) -> dict[str, Any]:
    return {name: json.loads(row[name]) if name in _JSON else row[name] for name in row}


def _pack_tastes(edits: TasteEdits | None) -> str | None:
    """Return the column of edits; null for those that a record does not name."""
    return None if edits is None else json.dumps(edits, ensure_ascii=True)


def _user(row: Any) -> UserRecord:
    return UserRecord(**{**_unpacked(row), "tastes": unpack_tastes(row["tastes"])})


def _item(row: Any) -> ItemRecord:
    values = _unpacked(row)
    return ItemRecord(**{**values, "categories": tuple(values["categories"])})
