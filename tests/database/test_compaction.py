"""After a clean-up, no file of the database has a byte of what was deleted."""

import uuid
from pathlib import Path

import pytest
import sqlalchemy as sa

from benchmarks.library.postgres import Postgres
from polyrec.database import records
from polyrec.database.compaction import rewrite
from polyrec.database.database import Database
from polyrec.database.feedback import Feedback, put_feedback
from polyrec.errors import DataError

ERASED = f"erased-{uuid.uuid4().hex}"  # in no other database of the server


def erase_a_user(database: Database) -> None:
    """Store a user with many events, gather statistics, erase the user."""
    rows = [Feedback("like", ERASED, f"i{number}", comment=ERASED) for number in range(300)]
    with database.write() as connection:
        put_feedback(connection, rows, overwrite=False)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()
    with database.write() as connection:
        assert records.delete_user(connection, ERASED, database.secret) == 1


def holding(folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path for path in files if ERASED.encode() in path.read_bytes()]


def test_sqlite_s_files_have_nothing(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'service.sqlite'}")
    erase_a_user(database)
    assert holding(tmp_path)
    rewrite(database)
    assert holding(tmp_path) == []
    database.close()


def test_postgresql_s_files_have_nothing_but_its_log(postgres: Postgres) -> None:
    database = Database.open(postgres.database(f"t{uuid.uuid4().hex}"))
    erase_a_user(database)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        data = Path(connection.exec_driver_sql("SHOW data_directory").scalar_one())
        connection.exec_driver_sql("CHECKPOINT")
        kept = {path.relative_to(data).parts[0] for path in holding(data)}
        assert kept == {"base", "pg_wal"}  # rows, indexes and statistics; the log
        rewrite(database)
        connection.exec_driver_sql("CHECKPOINT")  # removes the files of the old tables
        assert {path.parent.name for path in holding(data)} <= {"pg_wal"}
        # a superuser gets rid of the log, too
        connection.exec_driver_sql("ALTER SYSTEM SET wal_recycle = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
        for _ in range(2):
            connection.exec_driver_sql("SELECT pg_switch_wal()")
            connection.exec_driver_sql("CHECKPOINT")
        assert holding(data) == []
    database.close()


def test_a_rewrite_waits_for_earlier_reads(postgres: Postgres) -> None:
    database = Database.open(postgres.database(f"t{uuid.uuid4().hex}"))
    erase_a_user(database)
    with database.engine.connect().execution_options(isolation_level="SERIALIZABLE") as reader:
        reader.scalar(sa.select(sa.func.count()).select_from(sa.text("users")))
        with pytest.raises(DataError, match="end long reads"):
            rewrite(database, timeout_s=0.2)
    rewrite(database, timeout_s=5)
    database.close()
