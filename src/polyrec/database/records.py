"""Users and items: put, change, list, delete, each inside a transaction of `Database`.

Gorse's rules: an insert of a known user or item replaces it; deleting one deletes its feedback.
What concerns items goes to the log, so that every worker's catalogue follows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from polyrec.database import change_log
from polyrec.database.database import dialect_insert
from polyrec.database.tables import FEATURES, FEEDBACK, ITEMS, MEDIA, USERS

QUEUED, LIVE, QUARANTINED = "queued", "live", "quarantined"
_AT_ONCE = 500  # ids of one statement
_JSON = ("labels", "categories")


@dataclass(frozen=True)
class UserRecord:
    """One user's record."""

    user_id: str
    labels: Any = None  # any JSON
    comment: str = ""


@dataclass(frozen=True)
class ItemRecord:
    """One item's record; without a time it keeps the one it had, a new one has its insert's."""

    item_id: str
    is_hidden: bool = False
    categories: tuple[str, ...] = ()
    timestamp: int | None = None  # microseconds since 1970
    labels: Any = None  # any JSON
    comment: str = ""
    status: str = QUEUED
    reason: str = ""
    revision: int = 0  # when its content last changed
    described: bool = True  # whether the comment is its text


def put_users(connection: Connection, users: Sequence[UserRecord]) -> int:
    """Return how many users were given; those known are replaced."""
    rows = {user.user_id: _packed(vars(user)) for user in users}
    if rows:
        statement = dialect_insert(connection, USERS)
        fresh = {name: statement.excluded[name] for name in ("labels", "comment")}
        statement = statement.on_conflict_do_update(index_elements=["user_id"], set_=fresh)
        connection.execute(statement, list(rows.values()))
    return len(users)


def change_user(connection: Connection, user_id: str, changes: Mapping[str, Any]) -> int:
    """Return 1 if the user is known and changed, 0 if not."""
    where = USERS.c.user_id == user_id
    if not changes:
        return int(find_user(connection, user_id) is not None)
    return connection.execute(USERS.update().where(where).values(_packed(changes))).rowcount


def delete_user(connection: Connection, user_id: str, secret: bytes) -> int:
    """Erase a user: record, feedback and log. Return 1 if there was anything, else 0."""
    gone = connection.execute(USERS.delete().where(USERS.c.user_id == user_id)).rowcount
    gone += connection.execute(FEEDBACK.delete().where(FEEDBACK.c.user_id == user_id)).rowcount
    gone += change_log.erase_user(connection, user_id, secret)
    return int(gone > 0)


def find_user(connection: Connection, user_id: str) -> UserRecord | None:
    """Return a user's record."""
    row = connection.execute(sa.select(USERS).where(USERS.c.user_id == user_id)).first()
    return UserRecord(**_unpacked(row._mapping)) if row else None


def list_users(connection: Connection, *, after: str | None, count: int) -> list[UserRecord]:
    """Return users by id, those behind `after`."""
    query = sa.select(USERS).order_by(USERS.c.user_id).limit(count)
    if after is not None:
        query = query.where(USERS.c.user_id > after)
    return [UserRecord(**_unpacked(row)) for row in connection.execute(query).mappings()]


def put_items(connection: Connection, items: Sequence[ItemRecord]) -> int:
    """Return how many items were given; those known are replaced.

    Content is read again where the comment is another.
    """
    made = change_log.now_us()
    rows = {item.item_id: _packed({**vars(item), "made": made}) for item in items}
    if not rows:
        return 0
    statement = dialect_insert(connection, ITEMS)
    fresh = {
        name: statement.excluded[name] for name in ("is_hidden", "categories", "labels", "comment")
    }
    given_anew = {"status": QUEUED, "reason": "", "revision": made, "described": True}
    changes = _content_changes(statement.excluded["comment"], made)
    given = sa.bindparam("given", type_=sa.BigInteger)
    statement = statement.values(
        {**{name: sa.bindparam(name) for name in ("item_id", *fresh)}, **given_anew,
         "timestamp": sa.func.coalesce(given, sa.bindparam("made", type_=sa.BigInteger))}
    ).on_conflict_do_update(
        index_elements=["item_id"],
        set_={**fresh, **changes, "timestamp": sa.func.coalesce(given, ITEMS.c.timestamp)},
    )  # fmt: skip
    for row in rows.values():
        row["given"] = row.pop("timestamp")
        for name in given_anew:
            del row[name]
    connection.execute(statement, list(rows.values()))
    change_log.append_changes(
        connection, change_log.ITEM, [{"item_id": item_id} for item_id in rows]
    )
    return len(items)


def change_item(connection: Connection, item_id: str, changes: Mapping[str, Any]) -> int:
    """Return 1 if the item is known and changed, 0 if not."""
    where = ITEMS.c.item_id == item_id
    if not changes:
        return int(find_item(connection, item_id) is not None)
    values = _packed(changes)
    if "comment" in values:
        values |= _content_changes(values["comment"], change_log.now_us())
    changed = connection.execute(ITEMS.update().where(where).values(values)).rowcount
    if changed:
        change_log.append_changes(connection, change_log.ITEM, [{"item_id": item_id}])
    return changed


def delete_item(connection: Connection, item_id: str) -> int:
    """Delete an item and its feedback. Return 1 if there was anything, else 0."""
    people = sa.select(FEEDBACK.c.user_id).distinct().where(FEEDBACK.c.item_id == item_id)
    told = [{"item_id": item_id, "user_id": name} for name in connection.scalars(people)]
    connection.execute(FEEDBACK.delete().where(FEEDBACK.c.item_id == item_id))
    for table in (MEDIA, FEATURES):
        connection.execute(table.delete().where(table.c.item_id == item_id))
    gone = connection.execute(ITEMS.delete().where(ITEMS.c.item_id == item_id)).rowcount
    change_log.append_changes(connection, change_log.NO_FEEDBACK, told)
    if gone:
        change_log.append_changes(connection, change_log.ITEM, [{"item_id": item_id}])
    return int(gone > 0 or bool(told))


def find_item(connection: Connection, item_id: str) -> ItemRecord | None:
    """Return an item's record."""
    row = connection.execute(sa.select(ITEMS).where(ITEMS.c.item_id == item_id)).first()
    return _item(row._mapping) if row else None


def items_by_id(connection: Connection, item_ids: Sequence[str]) -> list[ItemRecord]:
    """Return the records of those items that are there."""
    records = []
    for start in range(0, len(item_ids), _AT_ONCE):
        query = sa.select(ITEMS).where(ITEMS.c.item_id.in_(item_ids[start : start + _AT_ONCE]))
        records += [_item(row) for row in connection.execute(query).mappings()]
    return records


def list_items(connection: Connection, *, after: str | None, count: int) -> list[ItemRecord]:
    """Return items by id, those behind `after`."""
    query = sa.select(ITEMS).order_by(ITEMS.c.item_id).limit(count)
    if after is not None:
        query = query.where(ITEMS.c.item_id > after)
    return [_item(row) for row in connection.execute(query).mappings()]


def count_by_status(connection: Connection) -> dict[str, int]:
    """Return how many items are live, queued and quarantined."""
    query = sa.select(ITEMS.c.status, sa.func.count()).group_by(ITEMS.c.status)
    return {status: int(count) for status, count in connection.execute(query)}


def select_items(connection: Connection, query: Any) -> list[ItemRecord]:
    """Return the items that a select of whole rows finds."""
    return [_item(row) for row in connection.execute(query).mappings()]


def all_items(connection: Connection) -> Iterator[ItemRecord]:
    """Yield every item, by id."""
    streamed = connection.execution_options(yield_per=5_000)
    for row in streamed.execute(sa.select(ITEMS).order_by(ITEMS.c.item_id)).mappings():
        yield _item(row)


def queued_items(connection: Connection, count: int) -> list[ItemRecord]:
    """Return items whose content waits to be read, the oldest first."""
    query = sa.select(ITEMS).where(ITEMS.c.status == QUEUED)
    query = query.order_by(ITEMS.c.timestamp, ITEMS.c.item_id).limit(count)
    return [_item(row) for row in connection.execute(query).mappings()]


def _content_changes(comment: Any, made: int) -> dict[str, Any]:
    """Return what an item's columns become where it gets another comment."""
    another = ITEMS.c.comment != comment
    fresh = {"status": QUEUED, "reason": "", "revision": made, "described": True}
    return {name: sa.case((another, value), else_=ITEMS.c[name]) for name, value in fresh.items()}


def add_category(connection: Connection, item_id: str, category: str) -> int | None:
    """Return 1 if the item has the category now, None if there is no such item."""
    known = find_item(connection, item_id)
    if known is None:
        return None
    if category not in known.categories:
        change_item(connection, item_id, {"categories": (*known.categories, category)})
    return 1


def remove_category(connection: Connection, item_id: str, category: str) -> int | None:
    """Return 1 if the item had the category, 0 if not, None if there is no such item."""
    known = find_item(connection, item_id)
    if known is None:
        return None
    if category not in known.categories:
        return 0
    left = tuple(name for name in known.categories if name != category)
    return change_item(connection, item_id, {"categories": left})


def _packed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a record: JSON as text."""
    return {
        name: json.dumps(value, ensure_ascii=True) if name in _JSON else value
        for name, value in values.items()
    }


def _unpacked(row: Any) -> dict[str, Any]:
    return {name: json.loads(row[name]) if name in _JSON else row[name] for name in row}


def _item(row: Any) -> ItemRecord:
    values = _unpacked(row)
    return ItemRecord(**{**values, "categories": tuple(values["categories"])})
