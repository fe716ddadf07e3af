"""A damaged database, a full disk, a model without scores: 503 with the reason; recovery."""

import asyncio
import errno
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from polyrec.cli import main
from polyrec.database.database import Database
from polyrec.errors import DataError
from polyrec.serve.app import create_app
from polyrec.serve.background import readiness
from polyrec.serve.run import make_worker_app
from polyrec.serve.settings import Settings

EVENT = [{"FeedbackType": "like", "UserId": "ann", "ItemId": "i0003"}]


@pytest.fixture
def client(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(readiness, "_CACHE_S", 0)
    monkeypatch.setattr(readiness, "_WRITE_S", 0)
    monkeypatch.setattr(readiness, "_WAIT_S", 10)
    with TestClient(create_app(settings), raise_server_exceptions=False) as opened:
        yield opened


@contextmanager
def pragma(database: Database, before: str, after: str) -> Iterator[None]:
    """Run a pragma in every connection of the pool and every new one."""

    def run(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA {before}")

    def undo(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA {after}")

    sa.event.listen(database.engine, "checkout", run)
    yield
    sa.event.remove(database.engine, "checkout", run)
    sa.event.listen(database.engine, "checkout", undo)


def ready(client: TestClient) -> dict:
    answer = client.get("/api/health/ready")
    body = answer.json()
    assert (answer.status_code == 200) == body["Ready"]
    assert client.get("/api/health/live").status_code == 200
    return body


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("max_page_count=1", "max_page_count=1000000", "database or disk is full"),
        ("query_only=1", "query_only=0", "attempt to write a readonly database"),
    ],
)
def test_a_full_or_read_only_disk_is_503_until_it_is_not(
    client: TestClient, before: str, after: str, reason: str
) -> None:
    assert ready(client)["Ready"]
    long = [{**EVENT[0], "Comment": "x" * 60_000, "ItemId": f"i{i:04d}"} for i in range(9)]
    with pragma(client.app.state.service.database, before, after):
        answer = client.post("/api/feedback", json=long)
        assert answer.status_code == 503
        assert answer.json()["what"] == "the database does not answer"
        assert answer.headers["Retry-After"] == "1"
        if "full" in reason:  # a small write of the service may fit, and come last
            writer = client.app.state.service.writer
            answers = (client.post("/api/feedback", json=long) for _ in range(50))
            assert any(a.status_code == 503 and writer.last_outcome()[0] == reason for a in answers)
        else:
            assert reason in ready(client)["DataStoreError"]
        assert client.get("/api/recommend/ann").status_code == 200  # reading goes on
    assert client.post("/api/feedback", json=long).status_code == 200
    assert ready(client)["Ready"]
    assert len(client.get("/api/user/ann/feedback").json()) == 9


def test_a_full_disk_is_503_even_if_small_writes_fit(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/api/health/ready").status_code == 200
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=4096))
        response = client.get("/api/health/ready")
        assert response.status_code == 503
        assert "No space left on device" in response.text
    assert client.get("/api/health/ready").status_code == 200


@pytest.mark.parametrize("damage", ["overwritten", "deleted"])
def test_a_file_that_is_no_database_any_more_is_503(
    client: TestClient, settings: Settings, damage: str
) -> None:
    path = Path(settings.database.removeprefix("sqlite:///"))
    if damage == "deleted":
        path.rename(path.with_suffix(".moved"))
    else:
        kept = path.read_bytes()
        path.write_bytes(b"\0" * 100 + kept[100:])
    reason = ready(client)["DataStoreError"]
    assert ("deleted" in reason) if damage == "deleted" else ("not a database" in reason)


def test_damage_that_a_request_meets_is_503_and_makes_the_worker_unready(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def malformed(*_: object, **__: object) -> None:
        raise sqlite3.DatabaseError("database disk image is malformed")

    with monkeypatch.context() as patch:
        patch.setattr("polyrec.database.records.find_user", malformed)
        assert client.get("/api/user/ann").status_code == 503
    assert ready(client)["DataStoreError"] == "database disk image is malformed"


def test_bugs_stay_500(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: object, **__: object) -> None:
        raise sqlite3.IntegrityError("UNIQUE constraint failed")

    monkeypatch.setattr("polyrec.database.records.find_user", wrong)
    assert client.get("/api/user/ann").status_code == 500
    assert ready(client)["Ready"]


def test_an_upload_onto_a_full_disk_is_503_and_leaves_nothing(
    client: TestClient, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/secret/path")

    path = "/api/item/i0003/media/image"
    with monkeypatch.context() as patch:
        patch.setattr("polyrec.database.blobs.os.fsync", full)
        answer = client.put(path, content=jpeg)
    assert answer.status_code == 503
    assert "secret" not in answer.text
    folder = client.app.state.service.files.folder
    assert [file for file in folder.rglob("*") if file.is_file()] == []
    assert client.put(path, content=jpeg).status_code == 200


@pytest.mark.parametrize("scores", [np.float32("nan"), ValueError("no")])
def test_a_model_that_can_not_answer_is_503(
    client: TestClient, scores: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.app.state.service.model_updater.close()  # it would replace the model
    model = client.app.state.service.live.model

    def score(_: object) -> np.ndarray:
        if isinstance(scores, Exception):
            raise scores
        return np.full((1, len(model.ids)), scores)

    monkeypatch.setattr(model.recommender, "score", score)
    body = ready(client)
    assert "model" in body["ModelError"]
    assert body["DataStoreConnected"]


def test_a_key_can_not_be_looked_up_without_a_database(
    guarded: TestClient, key: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> None:
        raise sa.exc.OperationalError("", None, Exception("host=secret"))

    headers = {"X-API-Key": key("read")}
    monkeypatch.setattr("polyrec.database.keys.verify_key", down)
    answer = guarded.get("/api/users", headers=headers)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert "secret" not in answer.text


@pytest.fixture(params=["head", "tables"])
def damaged(request: pytest.FixtureRequest, imported: Path, tmp_path: Path) -> Path:
    """Return a database file whose beginning, or whose tables, are overwritten."""
    path = Path(shutil.copy(imported, tmp_path / "damaged.sqlite"))
    content = bytearray(path.read_bytes())
    cut = slice(0, 4096) if request.param == "head" else slice(4096, len(content))
    content[cut] = b"\x07" * len(content[cut])
    path.write_bytes(content)
    return path


def test_a_damaged_file_at_the_start_is_an_error_of_ours(
    bundle_folder: Path, damaged: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    url = f"sqlite:///{damaged}"
    monkeypatch.setattr("sys.argv", ["polyrec", "serve", str(bundle_folder), "--database", url])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    text = " ".join(capsys.readouterr().err.split())
    assert "the database can't be" in text
    assert "Traceback" not in text
    assert "bug" not in text


def test_a_worker_that_can_not_start_logs_the_error_alone(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polyrec.serve.run.configure_logging", lambda _: None)
    (tmp_path / "no.sqlite").write_bytes(b"no database" * 100)
    broken = replace(settings, database=f"sqlite:///{tmp_path / 'no.sqlite'}")
    sent: list[dict] = []

    async def receive() -> dict:
        return {"type": "lifespan.startup"}

    async def send(message: dict) -> None:
        sent.append(message)

    async def start() -> None:
        app = make_worker_app(broken, "info", lambda app: app)
        await app({"type": "lifespan", "state": {}, "asgi": {}}, receive, send)

    with pytest.raises(DataError):
        asyncio.run(start())
    (message,) = sent
    assert message["type"] == "lifespan.startup.failed"
    assert message["message"].startswith("the service can't start: the database can't be opened")
    assert "\n" not in message["message"]
