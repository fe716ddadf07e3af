"""Rewrite a database, so that no byte of what was deleted is left in its files.

Deleting frees pages, it does not overwrite them. SQLite's log keeps pages as they were before, and
PostgreSQL's planner statistics have frequent values of the columns.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from polyrec.database.database import Database
from polyrec.database.tables import METADATA
from polyrec.errors import DataError

_WAIT_S = 0.05  # between two attempts
_MARK = sa.text("SELECT pg_current_xact_id()::text")
# transactions that still see rows from before a mark: VACUUM has to keep these rows
_OLD_SNAPSHOTS = sa.text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND pid <> pg_backend_pid() AND age(backend_xmin) >= age(CAST(:mark AS xid))"
)


def rewrite(database: Database, *, timeout_s: float = 60.0) -> None:
    """Rewrite all tables, indexes and statistics, and empty SQLite's log; services may run.

    Waits for reads that began earlier. PostgreSQL locks each table meanwhile; its own log, replicas
    and backups are out of reach.
    """
    deadline = time.monotonic() + timeout_s
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if database.remote:
            _rewrite_postgresql(connection, deadline)
        else:
            _rewrite_sqlite(connection, deadline)


def _rewrite_postgresql(connection: Connection, deadline: float) -> None:
    _wait_for_snapshots(connection, deadline)
    for table in METADATA.sorted_tables:
        texts = [column.name for column in table.columns if isinstance(column.type, sa.Text)]
        # changes nothing but drops the statistics: ANALYZE keeps those of a table without rows
        dropping = ", ".join(f'ALTER COLUMN "{name}" TYPE text' for name in texts)
        if dropping:
            connection.exec_driver_sql(f'ALTER TABLE "{table.name}" {dropping}')
        connection.exec_driver_sql(f'VACUUM (FULL, ANALYZE) "{table.name}"')
    _wait_for_snapshots(connection, deadline)  # statistics were dropped since: autovacuum may read
    # only the owner of the database may: for others it is a warning, and the old rows stay
    connection.exec_driver_sql("VACUUM (FULL) pg_catalog.pg_statistic")


def _wait_for_snapshots(connection: Connection, deadline: float) -> None:
    """Wait until no transaction sees rows that were deleted before now."""
    mark = connection.scalar(_MARK)
    _wait(
        lambda: not connection.scalar(_OLD_SNAPSHOTS, {"mark": mark}),
        deadline,
        "a transaction is open since before the clean-up",
    )


def _rewrite_sqlite(connection: Connection, deadline: float) -> None:
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute("VACUUM")
    checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)"
    _wait(
        lambda: not driver.execute(checkpoint).fetchone()[0],
        deadline,
        "the write-ahead log is in use",
    )


def _wait(is_done: Callable[[], bool], deadline: float, what: str) -> None:
    """Wait until something is done; raise `DataError` at the deadline."""
    while not is_done():
        if time.monotonic() > deadline:
            remedy = "end long reads, or try again when there are fewer"
            raise DataError(what, received="readers", remedy=remedy)
        time.sleep(_WAIT_S)
