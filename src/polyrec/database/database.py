"""The service's database: SQLite by default, PostgreSQL by URL.

`with database.write() as connection` is a transaction that may change rows, `database.read()` one
that only reads. The operations are in `records`, `feedback`, `change_log` and `item_media`. A
service writes through `writer`, which commits many operations in one transaction.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url

from polyrec.database.migrations import OLDEST, migrate, stored_format
from polyrec.database.tables import FORMAT, META, METADATA
from polyrec.errors import ConfigError, DataError

T = TypeVar("T")

_CHUNK = 5_000  # rows
_SQLITE_HEAD = b"SQLite format 3\0"
_SEEKING = threading.Lock()
_LEAST_FREE = 2**20  # bytes of a disk that is not full
_BUSY_MS = 30_000  # how long SQLite waits for another writer
_WRITE_LOCK = 8_087  # the advisory lock that serialises writers of a PostgreSQL database


@dataclass(frozen=True)
class Database:
    """An open database with its tables and its secret.

    >>> database = Database.open("sqlite://")
    >>> with database.read() as connection:
    ...     connection.scalar(sa.select(sa.func.count()).select_from(META))
    2
    >>> database.close()
    """

    engine: Engine
    secret: bytes  # signs cursors, keys the digests of erased users
    file: tuple[int, int] | None = None  # device and inode of an SQLite file

    @classmethod
    def open(cls, url: str) -> Database:
        """Return the database at a URL; new tables are created, an earlier format is migrated."""
        engine = _engine(_parse(url))
        try:
            with _writing(engine) as connection:
                secret = _prepare(connection, engine.url)
        except (sa.exc.SQLAlchemyError, sqlite3.Error) as error:
            engine.dispose()
            _refuse(engine.url, error)
        except DataError:
            engine.dispose()
            raise
        return cls(engine, bytes.fromhex(secret), _file_identity(engine.url))

    @property
    def name(self) -> str:
        """Return the URL, without its password."""
        return self.engine.url.render_as_string()

    @property
    def remote(self) -> bool:
        """Return whether queries go over a network: an event loop must not wait for them."""
        return self.engine.dialect.name != "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that writes, one at a time in the whole database.

        So the sequence numbers of the log become visible in order: after number s is read, no
        smaller one appears (decision 19).
        """
        with _writing(self.engine) as connection:
            yield connection

    def check_file(self) -> None:
        """Raise `sqlite3.DatabaseError` if the file was deleted, replaced or overwritten.

        SQLite goes on with the pages that it holds, and what it writes is lost. On a full disk,
        where small writes may still fit into its log, raise `OSError`.
        """
        if self.file is None:
            return
        if _file_identity(self.engine.url) != self.file:
            raise sqlite3.DatabaseError("the file was deleted or replaced")
        if _read_head(str(self.engine.url.database), self.file) != _SQLITE_HEAD:
            raise sqlite3.DatabaseError("file is not a database")
        if shutil.disk_usage(Path(str(self.engine.url.database)).parent).free < _LEAST_FREE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _read_head(path: str, identity: tuple[int, int]) -> bytes:
    descriptor = _open_for_good(path, identity)
    with _SEEKING:
        os.lseek(descriptor, 0, os.SEEK_SET)
        return os.read(descriptor, len(_SQLITE_HEAD))


@cache
def _open_for_good(path: str, _identity: tuple[int, int]) -> int:
    """Return a descriptor that is never closed.

    Closing any descriptor of a file drops the process's POSIX locks on it, SQLite's too. Another
    process that closes the database then deletes the write-ahead log that is still written to.
    """
    return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))


def _file_identity(url: URL) -> tuple[int, int] | None:
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    with suppress(FileNotFoundError):
        status = Path(str(url.database)).stat()
        return status.st_dev, status.st_ino
    return None


def chunks_of(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield rows in pieces: what the driver makes of them takes many times their memory.

    >>> [len(chunk) for chunk in chunks_of(range(12_000))]
    [5000, 5000, 2000]
    """
    return (rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK))


@contextmanager
def _writing(engine: Engine) -> Iterator[Connection]:
    options = {"writes": True}
    with engine.connect().execution_options(**options) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITE_LOCK)))
        yield connection


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except sa.exc.ArgumentError:
        raise _unknown(url) from None
    drivers = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
    drivers["postgres"] = drivers["postgresql+psycopg"] = drivers["postgresql"]
    if parsed.drivername not in drivers:
        raise _unknown(parsed.render_as_string())
    return parsed.set(drivername=drivers[parsed.drivername])


def _unknown(received: str) -> ConfigError:
    remedy = "write sqlite:///file.sqlite or postgresql://user:password@host/name"
    return ConfigError("not a database URL", received=received, remedy=remedy)


def _engine(url: URL) -> Engine:
    # parameters are personal data: they must not be in errors and logs
    settings: dict[str, Any] = {"hide_parameters": True}
    if url.get_backend_name() == "postgresql":
        # pre-ping: a connection that the server closed is replaced
        waits = {"connect_timeout": 5}
        return sa.create_engine(url, pool_pre_ping=True, connect_args=waits, **settings)
    single = {"poolclass": sa.StaticPool} if url.database in (None, "", ":memory:") else {}
    engine = sa.create_engine(url, connect_args={"check_same_thread": False}, **single, **settings)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # `begin` below sends BEGIN
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={_BUSY_MS}"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # a transaction that reads before it writes could not wait for the write lock
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _prepare(connection: Connection, url: URL) -> str:
    """Create or migrate the tables, and return the secret of the database."""
    known = stored_format(connection)
    if known is None:
        METADATA.create_all(connection)
        values = {"format": str(FORMAT), "secret": secrets.token_hex(32)}
        rows = [{"name": name, "value": value} for name, value in values.items()]
        connection.execute(META.insert(), rows)
    elif not known.isdecimal() or not OLDEST <= int(known) <= FORMAT:
        raise DataError(
            "the database has another format",
            received=f"{known} in {url.render_as_string()}",
            remedy=f"this polyrec reads formats {OLDEST} to {FORMAT}: use another database or "
            "another polyrec",
        )
    elif int(known) < FORMAT:
        migrate(connection, int(known))
    return str(connection.scalar(sa.select(META.c.value).where(META.c.name == "secret")))


def _refuse(url: URL, error: Exception) -> NoReturn:
    reason = str(getattr(error, "orig", error)).strip().splitlines()
    received = f"{url.render_as_string()}: {reason[0] if reason else type(error).__name__}"
    remedy = "check database=, and that its folder or server exists"
    raise DataError("the database can't be opened", received=received, remedy=remedy) from error
