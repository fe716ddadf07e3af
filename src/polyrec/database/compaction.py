"""Rewrite a database, so that no byte of what was deleted is left in its files."""

from __future__ import annotations

import time
from typing import Any

from polyrec.database.database import Database
from polyrec.database.tables import METADATA
from polyrec.errors import DataError

_WAIT_S = 0.05  # between two attempts to empty the write-ahead log


def rewrite(database: Database, *, timeout_s: float = 60.0) -> None:
    """Rewrite all tables and indexes, and empty SQLite's write-ahead log; services may run.

    Deleting frees pages, it does not overwrite them, and the log keeps pages as they were before.
    PostgreSQL locks each table meanwhile; its own log and backups are out of reach.
    """
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if database.remote:
            for table in METADATA.sorted_tables:
                connection.exec_driver_sql(f'VACUUM (FULL) "{table.name}"')
            return
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("VACUUM")
        _empty_log(driver, time.monotonic() + timeout_s)


def _empty_log(driver: Any, deadline: float) -> None:
    while True:
        busy, _, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:
            return
        if time.monotonic() > deadline:
            remedy = "end long reads, or try again when there are fewer"
            raise DataError("the write-ahead log is in use", received="readers", remedy=remedy)
        time.sleep(_WAIT_S)
