"""Databases of earlier formats, as they were dumped then, are brought to the format of today."""

import sqlite3
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy", reason="extra serve is not installed")
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from polyrec.database import change_log, item_media, keys, records
from polyrec.database import migrations as room
from polyrec.database.database import Database
from polyrec.database.migrations import versions
from polyrec.database.tables import FORMAT, META, METADATA
from polyrec.errors import DataError

HERE = Path(__file__).parent


@pytest.fixture
def earlier(database_url: str) -> str:
    """Return the URL of a database of format 2 with a few rows in every table."""
    kind = database_url.partition(":")[0].partition("+")[0]
    dump = (HERE / f"format_2.{kind}.sql").read_text(encoding="utf-8")
    if kind == "sqlite":
        with sqlite3.connect(database_url.removeprefix("sqlite:///")) as connection:
            connection.executescript(dump)
        return database_url
    url = sa.make_url(database_url).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in dump.split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement.replace("%", "%%"))
    engine.dispose()
    return database_url


def test_the_tables_of_a_migrated_database_are_those_of_a_new_one(earlier: str) -> None:
    database = Database.open(earlier)
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = [
            entry
            for entry in compare_metadata(context, METADATA)
            if "alembic_version" not in str(entry)
        ]
        assert differences == []
        stored = dict(connection.execute(sa.select(META.c.name, META.c.value)).all())
    database.close()
    assert stored["format"] == str(FORMAT)
    assert database.secret == bytes.fromhex("ef" * 32)


def test_format_3_has_numbers_of_the_log_where_there_were_times(earlier: str) -> None:
    database = Database.open(earlier)
    with database.read() as connection:
        items = {item.item_id: item for item in records.all_items(connection)}
        features = item_media.features_of(connection, ["old", "new"], {"text": "m"})
        name = META.c.name == "snapshot 000002"
        snapshot = int(connection.scalar(sa.select(META.c.value).where(name)))
        assert [key.name for key in keys.all_keys(connection)] == ["shop"]
        assert change_log.last_sequence(connection) == 4
    database.close()
    assert snapshot == 3  # the last change before 8000
    assert {item: row.revision for item, row in items.items()} == {"old": 1, "new": 4, "bundled": 0}
    assert list(items["old"].categories) == ["film"]
    assert features["new"]["text"].revision == 4
    assert features["old"]["text"].revision == 0  # of an earlier revision: encoded again


def test_a_migration_that_fails_changes_nothing(
    earlier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise DataError("it failed")

    migrate = room.migrate
    monkeypatch.setattr("polyrec.database.database.migrate", lambda *args: (migrate(*args), fail()))
    with pytest.raises(DataError, match="it failed"):
        Database.open(earlier)
    monkeypatch.undo()
    opened = Database.open(earlier)  # it is still of format 2, and whole
    with opened.read() as connection:
        assert change_log.last_sequence(connection) == 4
    opened.close()


@pytest.mark.parametrize("stored", ["1", "99", "", "two"])
def test_a_format_without_a_migration_is_refused(earlier: str, stored: str) -> None:
    first = Database.open(earlier)
    with first.write() as connection:
        connection.execute(META.update().where(META.c.name == "format").values(value=stored))
    first.close()
    with pytest.raises(DataError, match=f"another format: received '{stored} in .*reads formats 2"):
        Database.open(earlier)


def test_every_format_has_a_migration() -> None:
    files = {path.stem for path in Path(versions.__path__[0]).glob("format_*.py")}
    assert files == {f"format_{number}" for number in range(room.OLDEST, FORMAT + 1)}
