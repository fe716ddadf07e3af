"""What lists need of a PostgreSQL database, read on the event loop.

A query through SQLAlchemy in a thread costs 1.5 ms of processor time, and each of its steps waits
for the event loop to let go of the interpreter. Here prepared statements run on one connection,
in 0.3 ms.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

import psycopg
import sqlalchemy as sa

from polyrec.database import feedback
from polyrec.database.database import Database
from polyrec.database.feedback import Event
from polyrec.database.records import unpack_tastes
from polyrec.database.tables import LOG, USERS
from polyrec.index.tastes import TasteEdits

_CHANGES = (
    sa.select(LOG.c.sequence)
    .where(LOG.c.sequence > sa.bindparam("after"))
    .order_by(LOG.c.sequence)  # or the planner expects many, and reads the table for the first
    .limit(sa.literal_column("1", sa.Integer))
)
_TASTES = sa.select(USERS.c.tastes).where(USERS.c.user_id == sa.bindparam("user"))
_Row = tuple[Any, ...]


class AsyncReader:
    """Reads in transactions of one statement, each of which sees all that was committed before."""

    def __init__(self, database: Database) -> None:
        self._engine = database.engine
        self._changes, self._history, self._tastes = (
            str(query.compile(dialect=self._engine.dialect))
            for query in (_CHANGES, feedback.HISTORY, _TASTES)
        )
        self._connection: psycopg.AsyncConnection[_Row] | None = None
        self._connecting = asyncio.Lock()

    @classmethod
    def open(cls, database: Database) -> AsyncReader | None:
        """Return a reader of a PostgreSQL database; None on Windows, where its driver can't."""
        is_windows = sys.platform.startswith("win")
        return cls(database) if database.remote and not is_windows else None

    async def has_changes(self, after: int) -> bool:
        """Return whether the log has a larger sequence number."""
        return bool(await self._fetch(self._changes, {"after": after}))

    async def recent_events(self, user_id: str, *, longest: int) -> list[Event]:
        """Return what `feedback.recent_events` returns."""
        rows = await self._fetch(self._history, {"user": user_id, "longest": longest})
        return [Event(*row) for row in reversed(rows)]

    async def user_tastes(self, user_id: str) -> TasteEdits:
        """Return what `records.user_tastes` returns."""
        rows = await self._fetch(self._tastes, {"user": user_id})
        return unpack_tastes(rows[0][0]) if rows else ()

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _fetch(self, sql: str, parameters: Mapping[str, object]) -> list[_Row]:
        """Return rows; a connection that broke meanwhile is replaced once."""
        connection = self._connection
        try:
            if connection is not None:
                try:
                    return await _execute(connection, sql, parameters)
                except psycopg.OperationalError:
                    await connection.close()
            return await _execute(await self._connect(), sql, parameters)
        except psycopg.Error as error:
            raise sa.exc.OperationalError(sql, None, error, hide_parameters=True) from error

    async def _connect(self) -> psycopg.AsyncConnection[_Row]:
        async with self._connecting:
            if self._connection is None or self._connection.closed:
                arguments = self._engine.dialect.create_connect_args(self._engine.url)[1]
                self._connection = await psycopg.AsyncConnection.connect(
                    **{**arguments, "connect_timeout": 5}, autocommit=True
                )
            return self._connection


async def _execute(
    connection: psycopg.AsyncConnection[_Row], sql: str, parameters: Mapping[str, object]
) -> list[_Row]:
    cursor = connection.cursor(binary=True)
    await cursor.execute(sql, parameters, prepare=True)
    return await cursor.fetchall()
