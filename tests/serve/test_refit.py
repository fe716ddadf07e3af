"""A new bundle from the live data, loaded under load, and rolled back."""

import json
import logging
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from click.testing import Result
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from polyrec.artifact.bundle import Bundle
from polyrec.artifact.bundle_registry import BundleRegistry
from polyrec.cli.app import app
from polyrec.cli.commands import register_commands
from polyrec.database.blobs import BlobStore
from polyrec.database.database import Database
from polyrec.errors import BundleError, DataError
from polyrec.serve.app import create_app
from polyrec.serve.background.refit import refit
from polyrec.serve.settings import Settings
from serve.test_media import picture, settled

register_commands()


@pytest.fixture
def registry(bundle_folder: Path, tmp_path: Path) -> BundleRegistry:
    shutil.copytree(bundle_folder, tmp_path / "bundles" / "000001")
    return BundleRegistry(tmp_path / "bundles")


@pytest.fixture
def registry_settings(settings: Settings, registry: BundleRegistry) -> Settings:
    return replace(settings, bundle=registry.folder)


@pytest.fixture
def client(registry_settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(registry_settings)) as opened:
        yield opened


def train(settings: Settings, registry: BundleRegistry) -> str:
    database = Database.open(settings.database)
    try:
        return refit(database, registry, BlobStore(settings.media_folder)).name
    finally:
        database.close()


def until(client: TestClient, version: str) -> dict:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        status = client.get("/api/model").json()
        if status["Version"] == version:
            return status
        time.sleep(0.05)
    raise AssertionError(f"still {status['Version']}")


class Files:
    """The files of a service: a folder, and those of a PostgreSQL database without its log."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folders, self._url = [folder], url
        if url.startswith("postgresql"):
            with psycopg.connect(url) as connection:
                query = "SELECT oid, current_setting('data_directory') FROM pg_database"
                (row,) = connection.execute(f"{query} WHERE datname = current_database()")
                self._folders.append(Path(row[1]) / "base" / str(row[0]))

    def holding(self, user: str) -> list[Path]:
        """Return those with the bytes of an id, once all is written."""
        if len(self._folders) > 1:
            with psycopg.connect(self._url, autocommit=True) as connection:
                connection.execute("CHECKPOINT")
        files = (path for folder in self._folders for path in folder.rglob("*") if path.is_file())
        return [path for path in files if user.encode() in path.read_bytes()]


def test_an_erased_user_is_in_no_byte_after_a_refit_and_a_clean_up(
    registry: BundleRegistry, imported_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="polyrec")
    trained, recent = "u0040", "erase-me-4711"
    settings = Settings(registry.folder, imported_url, media=tmp_path / "media")
    files = Files(tmp_path, imported_url)

    def clean() -> Result:
        words = ["--bundles", registry.folder, "--database", imported_url, "--media"]
        return CliRunner().invoke(app, ["clean", *map(str, words), str(settings.media), "--json"])

    def like(user: str, *items: str) -> None:
        rows = [{"FeedbackType": "like", "UserId": user, "ItemId": item} for item in items]
        assert client.post("/api/feedback", json=rows).status_code == 200

    with TestClient(create_app(settings)) as client:
        like(recent, "i0003", "i0009")
        like(trained, "i0003")
        client.get(f"/api/recommend/{recent}?write-back-type=read")
        client.put("/api/item/i0003/media/image", content=picture())
        assert files.holding(recent)
        for user in (trained, recent):
            assert client.delete(f"/api/user/{user}").json() == {"RowAffected": 1}
        early = clean()
        assert early.exit_code == 1
        assert "1 erased users are in the current bundle" in early.output
        assert files.holding(recent) == []
        assert {file.parent.name for file in files.holding(trained)} == {"000001"}
        train(settings, registry)
        until(client, "000002")
        last = clean()
        assert last.exit_code == 0, last.output
        assert json.loads(last.output) == {"bundles": ["000001"], "files": 0, "left": 0}
        assert files.holding(trained) == files.holding(recent) == []
        assert not {trained, recent} & set(re.findall(r"[\w-]+", caplog.text))
        like(recent, "i0003")
        assert client.get(f"/api/recommend/{recent}").status_code == 200


def test_a_refit_learns_what_is_new_is_swapped_without_a_failed_request_and_rolled_back(
    client: TestClient,
    like: Callable,
    registry_settings: Settings,
    registry: BundleRegistry,
    bundle_folder: Path,
) -> None:
    old = Bundle.load(bundle_folder)
    before = client.get("/api/model").json()
    assert (before["Version"], before["Data"]) == ("000001", old.fingerprint)
    client.post("/api/item", json={"ItemId": "new", "Comment": "a red lamp for the kitchen"})
    client.put("/api/item/new/media/image", content=picture())
    settled(client, "new")
    for user in old.users[:20]:
        like(user, "new", old.ids[5])
    client.delete(f"/api/item/{old.ids[1]}")
    client.delete(f"/api/user/{old.users[40]}")
    assert client.get("/api/model").json()["Erased"] == 1
    failed, stop = [], threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answer = client.get(f"/api/recommend/{old.users[30]}")
            if answer.status_code != 200 or len(answer.json()) != 10:
                failed.append(answer.text)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        result = CliRunner().invoke(
            app,
            ["refit", "--bundles", str(registry.folder), "--database", registry_settings.database],
        )
        assert result.exit_code == 0, result.output
        assert "popular" in result.output
        assert "ahead by (95%)" in result.output
        client.post("/api/item", json={"ItemId": "late", "Comment": "a blue lamp for the hall"})
        status = until(client, "000002")
        assert settled(client, "late")["Source"] == "scores"
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failed
    bundle = Bundle.load(registry.current())
    assert status["Data"] == bundle.fingerprint != old.fingerprint
    assert status["History"] == ["000001", "000002"]
    assert "new" in bundle.rows
    assert bundle.views["image"].present[bundle.rows["new"]]
    assert old.ids[1] not in bundle.rows
    assert old.users[40] not in bundle.users
    assert status["Erased"] == 0
    unchanged = old.ids[2]
    assert bundle.views["text"].present[bundle.rows[unchanged]] == old.views["text"].present[2]
    popularity = bundle.parts.recommender.popularity_
    assert popularity[bundle.rows["new"]] == 40  # 20 likes, each worth 2
    assert client.get("/api/item/new/status").json()["Status"] == "live"
    assert client.get("/api/model").json()["Added"] == 1  # late alone
    assert (registry.folder / "000002" / "report.json").is_file()
    back = client.post("/api/model/rollback")
    assert back.json()["History"] == ["000001"]
    until(client, "000001")
    assert client.get("/api/item/new/neighbors/").json()  # known to the old bundle as well
    again = client.post("/api/model/rollback")
    assert (again.status_code, again.json()["what"]) == (409, "no previous bundle")


def test_too_little_to_learn_from_leaves_all_as_it_is(
    client: TestClient, registry_settings: Settings, registry: BundleRegistry, bundle_folder: Path
) -> None:
    for user in Bundle.load(bundle_folder).users:
        client.delete(f"/api/user/{user}")
    with pytest.raises(DataError, match="nothing to learn from"):
        train(registry_settings, registry)
    assert registry.names() == ["000001"]
    assert client.get("/api/model").json()["Version"] == "000001"


def test_a_broken_bundle_is_not_swapped_in(
    client: TestClient, registry: BundleRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(registry.folder / "000001", registry.folder / "000002")
    (registry.folder / "000002" / "names.json").write_text("{}", encoding="utf-8")
    registry.set_current("000002")
    end = time.monotonic() + 30
    while "can't be loaded" not in caplog.text and time.monotonic() < end:
        time.sleep(0.05)
    assert "can't be loaded" in caplog.text
    assert client.get("/api/model").json()["Version"] == "000001"
    assert client.get("/api/recommend/nobody").status_code == 200


def test_a_single_bundle_can_not_be_refitted_or_rolled_back(
    settings: Settings, bundle_folder: Path
) -> None:
    with pytest.raises(BundleError, match="no place for another"):
        train(settings, BundleRegistry(bundle_folder))
    with TestClient(create_app(settings)) as client:
        assert client.post("/api/model/rollback").status_code == 409


def test_the_command_rolls_back_or_is_refused(registry: BundleRegistry) -> None:
    shutil.copytree(registry.folder / "000001", registry.folder / "000002")
    registry.set_current("000002")
    result = CliRunner().invoke(app, ["refit", "--bundles", str(registry.folder), "--rollback"])
    assert "000001" in result.output
    assert registry.current().name == "000001"
    again = CliRunner().invoke(app, ["refit", "--bundles", str(registry.folder), "--rollback"])
    assert isinstance(again.exception, BundleError)


def test_a_registry_keeps_its_history_and_prunes_old_bundles(tmp_path: Path) -> None:
    for name in ("000001", "000002", "000003"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text("{}", encoding="utf-8")
    registry = BundleRegistry(tmp_path)
    with pytest.raises(BundleError, match="no bundle is current"):
        registry.current()
    (tmp_path / "current").write_text("000001\n", encoding="utf-8")
    registry.set_current("000002")
    assert registry.roll_back() == "000001"
    registry.set_current("000003")
    assert registry.history() == ["000001", "000003"]
    assert registry.next_name() == "000004"
    assert registry.prune(2) == ["000001"]
    assert registry.history() == ["000003"]


def test_a_schedule_starts_one_refit_when_it_is_due(
    registry_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from polyrec.serve.background.refit_schedule import RefitSchedule

    started = []
    waits = [sys.executable, "-c", "import time; time.sleep(60)"]
    monkeypatch.setattr(RefitSchedule, "command", lambda _: started.append(1) or waits)
    never, often = (
        RefitSchedule(registry_settings),
        RefitSchedule(replace(registry_settings, refit_hours=1e-9)),
    )
    never.start_if_due()
    assert not started
    try:
        often.start_if_due()
        often.start_if_due()
    finally:
        often.close()
    assert len(started) == 1


def test_a_second_refit_at_the_same_time_is_refused(
    registry_settings: Settings, registry: BundleRegistry
) -> None:
    from polyrec.database.leader_lock import exclusive_file_lock

    with (
        exclusive_file_lock(registry.folder / ".refit"),
        pytest.raises(BundleError, match="another refit is running"),
    ):
        train(registry_settings, registry)
