"""The service's database, the same in SQLite and PostgreSQL."""

import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from polyrec.database import change_log, feedback, item_media, records
from polyrec.database.change_log import ChangeReader
from polyrec.database.database import Database
from polyrec.database.feedback import Feedback, FeedbackWrite
from polyrec.database.inserts import insert_new
from polyrec.database.item_media import EncodingOutcome
from polyrec.database.records import ItemRecord, UserRecord
from polyrec.database.tables import FEEDBACK, ITEMS, LOG, META, USERS
from polyrec.database.writer import OverloadedError, Writer
from polyrec.errors import ConfigError, DataError

KEY = ("user_id", "item_id", "feedback_type")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database.open(database_url)
    yield opened
    opened.close()


@pytest.fixture
def tail(database: Database) -> Iterator[ChangeReader]:
    opened = ChangeReader(database)
    yield opened
    opened.close()


def put(database: Database, *rows: Feedback, overwrite: bool = False) -> int:
    with database.write() as connection:
        return feedback.put_feedback(connection, rows, overwrite=overwrite)


def stored_events(database: Database, user: str) -> list[tuple[str, str, float]]:
    with database.read() as connection:
        events = feedback.recent_events(connection, user, longest=100)
    return [(event.item_id, event.feedback_type, event.value) for event in events]


def test_an_insert_keeps_existing_feedback_and_overwrite_replaces_it(database: Database) -> None:
    assert put(database, Feedback("like", "u", "a", 1), Feedback("like", "u", "a", 2)) == 1
    assert stored_events(database, "u") == [("a", "like", 1)]
    assert put(database, Feedback("like", "u", "a"), Feedback("buy", "u", "a", 4)) == 1
    assert sorted(stored_events(database, "u")) == [("a", "buy", 4), ("a", "like", 1)]
    assert put(database, Feedback("like", "u", "a", 3)) == 1  # values add up, as in Gorse
    assert sorted(stored_events(database, "u")) == [("a", "buy", 4), ("a", "like", 4)]
    assert put(database, Feedback("like", "u", "a", 5), Feedback("like", "u", "a", 6),
               overwrite=True) == 1  # fmt: skip
    assert sorted(stored_events(database, "u")) == [("a", "buy", 4), ("a", "like", 6)]


def test_feedback_creates_unknown_users_and_items(database: Database) -> None:
    with database.write() as connection:
        records.put_items(connection, [ItemRecord("a", comment="known")])
    put(database, Feedback("like", "u", "a"), Feedback("like", "u", "b"))
    with database.read() as connection:
        assert records.find_user(connection, "u") == UserRecord("u", tastes=())
        assert records.find_item(connection, "a").comment == "known"
        fresh = records.find_item(connection, "b")
        assert (fresh.status, fresh.is_hidden, fresh.categories) == ("undescribed", False, ())
        assert [item.item_id for item in records.queued_items(connection, 9)] == ["a"]
        records.change_item(connection, "b", {"labels": ["x"]})
        assert [item.item_id for item in records.queued_items(connection, 9)] == ["a", "b"]


def test_a_history_is_in_time_and_holds_the_latest(database: Database) -> None:
    times = {"a": 30, "b": 10, "c": 20, "d": 20}
    put(database, *(Feedback("like", "u", item, timestamp=t) for item, t in times.items()))
    assert [event[0] for event in stored_events(database, "u")] == ["b", "d", "c", "a"]
    with database.read() as connection:
        latest = feedback.recent_events(connection, "u", longest=2)
    assert [event.item_id for event in latest] == ["c", "a"]


def test_an_item_without_a_time_keeps_the_one_it_had(database: Database) -> None:
    with database.write() as connection:
        records.put_items(connection, [ItemRecord("a", timestamp=5), ItemRecord("b")])
        records.put_items(connection, [ItemRecord("a", labels={"x": [1, "ü"]})])
        first, second = records.find_item(connection, "a"), records.find_item(connection, "b")
    assert (first.timestamp, first.labels) == (5, {"x": [1, "ü"]})
    assert abs(second.timestamp - change_log.now_us()) < 60_000_000


def test_pages_list_everything_once(database: Database) -> None:
    names = [f"u{i}" for i in range(7)]
    put(database, *(Feedback(kind, name, "i") for name in names for kind in ("like", "buy")))
    listed: list[tuple[str, str, str]] = []
    after = None
    while True:
        with database.read() as connection:
            page = feedback.list_feedback(connection, feedback_type=None, after=after, count=3)
        if not page:
            break
        listed += [(f.user_id, f.item_id, f.feedback_type) for f in page]
        after = listed[-1]
    assert sorted(listed) == sorted((n, "i", kind) for n in names for kind in ("like", "buy"))
    assert len(set(listed)) == 14
    with database.read() as connection:
        first = records.list_users(connection, after=None, count=4)
        rest = records.list_users(connection, after=first[-1].user_id, count=10)
        likes = feedback.list_feedback(connection, feedback_type="like", after=None, count=99)
    assert [user.user_id for user in first + rest] == names
    assert len(likes) == 7


def test_a_deleted_user_leaves_nothing_but_a_digest(database: Database, tail: ChangeReader) -> None:
    put(database, Feedback("like", "secret-name", "a"), Feedback("like", "other", "a"))
    before = tail.after(0)[-1].sequence
    with database.write() as connection:
        assert records.delete_user(connection, "secret-name", database.secret) == 1
        assert records.delete_user(connection, "nobody", database.secret) == 0
    assert stored_events(database, "secret-name") == []
    assert stored_events(database, "other") == [("a", "like", 0.0)]
    with database.read() as connection:
        for table in (sa.table("users"), FEEDBACK, LOG, META):
            rows = connection.execute(sa.select(sa.text("*")).select_from(table)).all()
            assert "secret-name" not in repr(rows)
    change = tail.after(before)[0]
    assert change.action == change_log.FORGET
    assert change.user_id == change_log.user_digest("secret-name", database.secret)


def test_an_erasure_is_kept_until_no_model_is_older(database: Database) -> None:
    with database.write() as connection:
        records.delete_user(connection, "u", database.secret)
        ((name, sequence),) = change_log.erased_users(connection).items()
        assert name == change_log.user_digest("u", database.secret)
        change_log.prune(connection, before=sequence + 1)
        assert change_log.erased_users(connection)  # some worker may not have read it yet
        day = 86_400_000_001
        connection.execute(LOG.update().values(made=change_log.now_us() - day))
        change_log.prune(connection, before=sequence)
        assert change_log.erased_users(connection)
        change_log.prune(connection, before=sequence + 1)
        assert not change_log.erased_users(connection)


def test_only_a_changed_comment_is_encoded_again(database: Database) -> None:
    plain = ItemRecord("a", comment="a red lamp", labels=["x"], timestamp=5)
    with database.write() as connection:
        records.put_items(connection, [plain])
        read = records.find_item(connection, "a")
        item_media.record_outcomes(
            connection, [EncodingOutcome("a", read.revision, records.LIVE, "")]
        )
        for change in ({"labels": ["y"]}, {"categories": ("c",)}, {"is_hidden": True},
                       {"timestamp": 7}, {"comment": "a red lamp"}):  # fmt: skip
            assert records.change_item(connection, "a", change) == 1
            kept = records.find_item(connection, "a")
            assert (kept.status, kept.revision) == (records.LIVE, read.revision), change
        records.put_items(connection, [replace(plain, labels=["z"], categories=())])
        assert not records.queued_items(connection, 9)
        records.change_item(connection, "a", {"comment": "a blue lamp", "labels": ["y"]})
        (again,) = records.queued_items(connection, 9)
    assert again.revision > read.revision


def test_a_sequence_number_is_never_given_twice(database: Database, tail: ChangeReader) -> None:
    put(database, Feedback("like", "u", "a"))
    before = tail.after(0)[-1].sequence
    with database.write() as connection:
        records.delete_user(connection, "u", database.secret)
    put(database, Feedback("like", "v", "a"))
    assert [change.sequence > before for change in tail.after(before)] == [True, True]


def test_a_deleted_item_takes_its_feedback_along(database: Database, tail: ChangeReader) -> None:
    put(database, Feedback("like", "u", "a"), Feedback("like", "u", "b"))
    before = tail.after(0)[-1].sequence
    with database.write() as connection:
        assert records.delete_item(connection, "a") == 1
        assert records.delete_item(connection, "a") == 0
    assert stored_events(database, "u") == [("b", "like", 0.0)]
    actions = [(c.action, c.user_id, c.item_id) for c in tail.after(before)]
    assert actions == [(change_log.NO_FEEDBACK, "u", "a"), (change_log.ITEM, None, "a")]


def test_categories_come_and_go(database: Database) -> None:
    with database.write() as connection:
        assert records.add_category(connection, "a", "x") is None
        records.put_items(connection, [ItemRecord("a", categories=("w",))])
        assert records.add_category(connection, "a", "x") == 1
        assert records.add_category(connection, "a", "x") == 1
        assert records.remove_category(connection, "a", "w") == 1
        assert records.remove_category(connection, "a", "w") == 0
        assert records.find_item(connection, "a").categories == ("x",)


def test_text_is_never_read_as_sql(database: Database) -> None:
    nasty = "'); DROP TABLE users; --"
    put(database, Feedback(nasty, nasty, nasty))
    with database.write() as connection:
        records.put_users(connection, [UserRecord(nasty, labels={nasty: nasty}, comment=nasty)])
        assert records.find_user(connection, nasty).labels == {nasty: nasty}
    assert stored_events(database, nasty) == [(nasty, nasty, 0.0)]


def test_numbers_become_visible_in_their_order(database: Database) -> None:
    """Writers in several threads; a reader who knows number s never sees a smaller one appear."""
    done = threading.Event()
    rounds: list[list[int]] = []

    def write(who: int) -> None:
        for i in range(15):
            put(database, Feedback("like", f"u{who}", f"i{i}"))

    def read() -> None:
        reader = ChangeReader(database)
        known = 0
        last = False
        while not last:
            last = done.is_set()  # once more after the last write
            rounds.append([change.sequence for change in reader.after(known)])
            known = max([known, *rounds[-1]])
        reader.close()

    follower = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for thread in (follower, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    follower.join()
    with database.read() as connection:
        everything = list(connection.scalars(sa.select(LOG.c.sequence).order_by(LOG.c.sequence)))
    # a number that came late would be missing here, since it was below what the reader knew
    assert [number for found in rounds for number in found] == everything
    assert len(everything) >= 60


def test_the_writer_commits_many_together_and_one_failure_alone(database: Database) -> None:
    writer = Writer(database)
    gate = threading.Event()
    blocked = writer.submit(lambda _: gate.wait(30))  # what follows waits, and is taken together

    def fail(_connection: object) -> None:
        raise ValueError("no")

    futures = [
        writer.submit(lambda c, i=i: feedback.put_feedback(c, [Feedback("like", "u", f"i{i}")],
                                                  overwrite=False))
        for i in range(5)
    ]  # fmt: skip
    bad = writer.submit(fail)
    futures.append(writer.submit(lambda c: records.put_users(c, [UserRecord("after")])))
    gate.set()
    assert blocked.result(30)
    assert [future.result(30) for future in futures] == [1] * 6
    with pytest.raises(ValueError, match="no"):
        bad.result(30)
    writer.close()
    assert len(stored_events(database, "u")) == 5


def stored_rows(database: Database) -> list[list[tuple[object, ...]]]:
    """Return users, items, feedback by time, and feedback in the order of the log; forget all."""
    tables = {
        USERS: [USERS.c.user_id],
        ITEMS: [ITEMS.c.item_id],
        FEEDBACK: [FEEDBACK.c[name] for name in (*KEY, "value", "comment", "weight")],
        LOG: [LOG.c[name] for name in (*KEY, "value", "weight")],
    }
    order = {FEEDBACK: FEEDBACK.c.timestamp, LOG: LOG.c.sequence}
    rows = []
    with database.write() as connection:
        for table, columns in tables.items():
            query = sa.select(*columns).order_by(order.get(table, columns[0]))
            if table is LOG:
                query = query.where(LOG.c.action == change_log.FEEDBACK)
            rows.append([tuple(row) for row in connection.execute(query)])
            connection.execute(table.delete())
    return rows


def test_writes_that_are_joined_store_what_they_would_alone(database: Database) -> None:
    generator = random.Random(3)
    for _ in range(12):
        operations = [
            FeedbackWrite.of(
                [
                    Feedback(
                        "like", f"u{generator.randrange(9)}", f"i{generator.randrange(9)}",
                        value=generator.choice([0.0, 1.5]), comment=str(generator.random()),
                    )
                    for _ in range(generator.randrange(5))
                ],
                overwrite=generator.random() < 0.2,
            )
            for _ in range(10)
        ]  # fmt: skip
        for operation in operations:
            with database.write() as connection:
                operation(connection)
        alone = stored_rows(database)
        writer = Writer(database)
        gate = threading.Event()
        blocked = writer.submit(lambda _, gate=gate: gate.wait(30))
        futures = [writer.submit(operation) for operation in operations]
        gate.set()
        assert [future.result(30) for future in (blocked, *futures)] == [True, *[None] * 10]
        writer.close()
        assert stored_rows(database) == alone


def test_writes_are_joined_unless_they_share_a_key_or_are_many(database: Database) -> None:
    def of(*users: str, overwrite: bool = False) -> FeedbackWrite:
        return FeedbackWrite.of([Feedback("like", u, "i") for u in users], overwrite=overwrite)

    combined = of("a", "b").joined(of("c"))
    assert combined is not None
    assert [row.user_id for row in combined.rows] == ["a", "b", "c"]
    assert combined.joined(of("b")) is None
    assert combined.joined(of("d", overwrite=True)) is None
    assert combined.joined(of(*map(str, range(998)))) is None
    assert combined.joined(of(*map(str, range(997)))) is not None


def test_a_full_or_closed_writer_refuses(database: Database) -> None:
    writer = Writer(database, longest=1)
    gate, begun = threading.Event(), threading.Event()
    first = writer.submit(lambda _: (begun.set(), gate.wait(30)))
    assert begun.wait(30)
    second = writer.submit(lambda _: 2)
    with pytest.raises(OverloadedError, match="the write queue is full"):
        writer.submit(lambda _: 3)
    gate.set()
    assert second.result(30) == 2
    first.result(30)
    writer.close()
    with pytest.raises(OverloadedError, match="stopping"):
        writer.submit(lambda _: 4)


def test_it_is_opened_again_with_the_same_secret(database_url: str) -> None:
    first = Database.open(database_url)
    put(first, Feedback("like", "u", "a"))
    first.close()
    second = Database.open(database_url)
    assert second.secret == first.secret
    assert stored_events(second, "u") == [("a", "like", 0.0)]
    second.close()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "not a database URL: received 'nonsense'"),
        ("mysql://me:word@host/name", r"received 'mysql://me:\*\*\*@host/name'"),
    ],
)
def test_another_url_is_refused_without_its_password(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Database.open(url)


def test_indexes_serve_the_pages_of_a_type(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'service.sqlite'}"
    opened = Database.open(url)
    queries: list[tuple[str, object]] = []
    sa.event.listen(
        opened.engine, "before_cursor_execute", lambda *event: queries.append((event[2], event[3]))
    )
    with opened.read() as connection:
        for after in (None, ("u", "i", "like")):
            feedback.list_feedback(connection, feedback_type="like", after=after, count=9)
        change_log.erased_users(connection)
        questions = [(sql, params) for sql, params in queries if sql.startswith("SELECT")]
        plans = [
            [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", params)]
            for sql, params in questions
        ]
    opened.close()
    by_type = "SEARCH feedback USING INDEX feedback_by_type (feedback_type=?"
    assert plans == [
        [f"{by_type})"],
        [f"{by_type} AND (user_id,item_id)>(?,?))"],
        ["SCAN log USING INDEX log_of_erased"],
    ]


def test_a_missing_database_is_an_error() -> None:
    with pytest.raises(DataError, match="the database can't be opened: received 'sqlite:////no"):
        Database.open("sqlite:////nowhere/at/all.sqlite")
    with pytest.raises(DataError, match=r"received 'postgresql\+psycopg://me:\*\*\*@127"):
        Database.open("postgresql://me:word@127.0.0.1:9/name")


def test_existing_rows_stay_and_only_new_ones_are_returned(database: Database) -> None:
    ann, bob = ({"user_id": name, "labels": "null", "comment": name} for name in ("ann", "bob"))
    with database.write() as connection:
        assert insert_new(connection, USERS, []) == []
        assert insert_new(connection, USERS, [ann]) == [ann]
        assert insert_new(connection, USERS, [{**ann, "comment": "another"}, bob]) == [bob]
        known = connection.execute(sa.select(USERS.c.user_id, USERS.c.comment)).all()
    assert sorted(map(tuple, known)) == [("ann", "ann"), ("bob", "bob")]


def test_an_insert_that_fails_is_an_error_of_the_engine_and_tells_nobody(
    database: Database,
) -> None:
    ann = {"user_id": "ann-of-secrets", "labels": "null", "comment": ""}
    with pytest.raises(sa.exc.DBAPIError) as failure, database.write() as connection:  # noqa: PT012
        USERS.drop(connection)
        insert_new(connection, USERS, [ann])
    assert "ann-of-secrets" not in str(failure.value)


def test_old_changes_are_pruned_and_feedback_stays(database: Database) -> None:
    put(database, *(Feedback("like", "u", f"i{number}") for number in range(5)))
    with database.write() as connection:
        last = change_log.last_sequence(connection)
        assert change_log.prune(connection, before=last) == 0  # some worker may not have read them
        connection.execute(LOG.update().values(made=change_log.now_us() - 86_400_000_001))
        assert change_log.prune(connection, before=last, count=2) == 2
        assert change_log.prune(connection, before=last) == last - 3
        assert change_log.prune(connection, before=last) == 0
        assert connection.scalars(sa.select(LOG.c.sequence)).all() == [last]
    assert len(stored_events(database, "u")) == 5
