"""Bring a database of an earlier format to the format of today, with Alembic.

A revision's name is the format that it makes. A change of `tables` raises `FORMAT` and adds
versions/format_N.py, which works on SQLite and PostgreSQL and imports no table of today.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from polyrec.database.tables import FORMAT, META

OLDEST = 2
"""The first format that has a migration."""


def migrate(connection: Connection, stored: int) -> None:
    """Change tables and rows from a format to that of today, in the caller's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.stamp(config, str(stored), purge=True)
    command.upgrade(config, str(FORMAT))
    changed = META.update().where(META.c.name == "format").values(value=str(FORMAT))
    connection.execute(changed)


def stored_format(connection: Connection) -> str | None:
    """Return the format of a database, None for one without our tables."""
    if not sa.inspect(connection).has_table(META.name):
        return None
    return str(connection.scalar(sa.select(META.c.value).where(META.c.name == "format")))
