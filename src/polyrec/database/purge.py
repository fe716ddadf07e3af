"""Delete all users, items and feedback, so that every worker follows."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from polyrec.database import change_log
from polyrec.database.tables import FEATURES, FEEDBACK, ITEMS, LOG, MEDIA, USERS


def delete_everything(connection: Connection, secret: bytes) -> int:
    """Delete the records of users, items and feedback and what the log has; return how many.

    Imported bundles stay marked as imported: a restart does not bring them back. Users that a model
    knows count as erased, by their digests.
    """
    ids = sa.union(*(sa.select(table.c.user_id) for table in (USERS, FEEDBACK)))
    users = [{"user_id": change_log.user_digest(name, secret)} for name in connection.scalars(ids)]
    items = [{"item_id": name} for name in connection.scalars(sa.select(ITEMS.c.item_id))]
    tables = (USERS, ITEMS, FEEDBACK)
    deleted = sum(connection.execute(table.delete()).rowcount for table in tables)
    for table in (MEDIA, FEATURES):
        connection.execute(table.delete())
    connection.execute(LOG.delete().where(LOG.c.action != change_log.FORGET))
    change_log.append_changes(connection, change_log.FORGET, users)
    change_log.append_changes(connection, change_log.ITEM, items)
    return deleted
