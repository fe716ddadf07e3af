"""Bring a database of an earlier format to the format of today, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from polyrec.database.tables import FEATURES, ITEMS, LOG, META


def upgrade(connection: Connection, stored: str) -> str:
    """Return the format after all upgrades; that of a format that is not known stays."""
    while stored in _UPGRADES:
        _UPGRADES[stored](connection)
        stored = str(int(stored) + 1)
        changed = META.update().where(META.c.name == "format").values(value=stored)
        connection.execute(changed)
    return stored


def _number_revisions(connection: Connection) -> None:
    """Replace times by sequence numbers of the log: of items' revisions, and of snapshots.

    Format 2 had microseconds there, so the clock decided what a bundle contains.
    """
    latest = sa.select(sa.func.coalesce(sa.func.max(LOG.c.sequence), 0))
    of_item = latest.where(LOG.c.item_id == ITEMS.c.item_id, LOG.c.action == "item")
    of_feature = latest.where(LOG.c.item_id == FEATURES.c.item_id, LOG.c.action == "item")
    item = sa.select(ITEMS.c.item_id).where(
        ITEMS.c.item_id == FEATURES.c.item_id, ITEMS.c.revision == FEATURES.c.revision
    )
    current = sa.exists(item)
    numbered = sa.case((current, of_feature.scalar_subquery()), else_=0)
    connection.execute(FEATURES.update().values(revision=numbered))
    changed = ITEMS.update().where(ITEMS.c.revision > 0)
    connection.execute(changed.values(revision=of_item.scalar_subquery()))
    until = latest.where(LOG.c.made <= sa.cast(META.c.value, sa.BigInteger)).scalar_subquery()
    snapshots = META.update().where(META.c.name.startswith("snapshot "))
    connection.execute(snapshots.values(value=sa.cast(until, sa.Text)))


_UPGRADES: Mapping[str, Callable[[Connection], None]] = {"2": _number_revisions}
