"""A lock that one worker of many holds: it does the background work, the others stand by.

On SQLite it is a file lock beside the database, on PostgreSQL an advisory lock of a connection:
both are released when the worker ends, even if it is killed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from polyrec.database.database import Database
from polyrec.errors import BundleError

try:
    import fcntl
except ImportError:  # Windows, where there is one worker
    fcntl = None  # type: ignore[assignment]

_LEADER_LOCK = 8_088  # the advisory lock


class LeaderLock:
    """Held by one worker at a time; call `is_leader` before each piece of work.

    >>> database = Database.open("sqlite://")
    >>> LeaderLock(database).is_leader()
    True
    >>> database.close()
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._file: int | None = None
        self._connection: Connection | None = None

    def is_leader(self) -> bool:
        """Return whether this worker holds the lock; take it if it is free."""
        if self._database.remote:
            return self._is_leader_remote()
        name = self._database.engine.url.database
        if self._file is None and name not in (None, "", ":memory:"):
            self._file = _locked(Path(f"{name}.leader"))
            return self._file is not None
        return True

    def close(self) -> None:
        """Release the lock."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._connection is not None:
            self._connection.invalidate()  # closed, not pooled: this releases the lock
            self._connection.close()
            self._connection = None

    def _is_leader_remote(self) -> bool:
        try:
            if self._connection is None:
                options = {"isolation_level": "AUTOCOMMIT"}
                connection = self._database.engine.connect().execution_options(**options)
                if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_LEADER_LOCK))):
                    connection.close()
                    return False
                self._connection = connection
            self._connection.scalar(sa.select(1))  # a broken connection has lost the lock
        except sa.exc.SQLAlchemyError:
            self.close()
            raise
        return True


@contextmanager
def exclusive_file_lock(path: Path) -> Iterator[None]:
    """Hold a file lock; `BundleError` if another process holds it."""
    number = _locked(path)
    if number is None:
        remedy = "wait until it is done"
        raise BundleError("another refit is running", received=str(path.parent), remedy=remedy)
    try:
        yield
    finally:
        os.close(number)


def _locked(path: Path) -> int | None:
    """Return an open file, locked until it is closed; None if another process holds the lock."""
    number = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    if fcntl is not None:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(number)
            return None
    return number
