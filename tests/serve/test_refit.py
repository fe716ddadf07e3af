"""A new bundle from the live data, swapped in under load; the way back."""

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
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
def shelf(bundle_folder: Path, tmp_path: Path) -> BundleRegistry:
    shutil.copytree(bundle_folder, tmp_path / "bundles" / "000001")
    return BundleRegistry(tmp_path / "bundles")


@pytest.fixture
def shelved(settings: Settings, shelf: BundleRegistry) -> Settings:
    return replace(settings, bundle=shelf.folder)


@pytest.fixture
def client(shelved: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(shelved)) as opened:
        yield opened


def train(settings: Settings, shelf: BundleRegistry) -> str:
    database = Database.open(settings.database)
    try:
        return refit(database, shelf, BlobStore(settings.media_folder)).name
    finally:
        database.close()


def until(client: TestClient, version: str) -> dict:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        told = client.get("/api/model").json()
        if told["Version"] == version:
            return told
        time.sleep(0.05)
    raise AssertionError(f"still {told['Version']}")


def test_a_refit_learns_what_is_new_is_swapped_without_a_failed_request_and_rolled_back(
    client: TestClient,
    like: Callable,
    shelved: Settings,
    shelf: BundleRegistry,
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
        told = CliRunner().invoke(
            app, ["refit", "--bundles", str(shelf.folder), "--database", shelved.database]
        )
        assert told.exit_code == 0, told.output
        client.post("/api/item", json={"ItemId": "late", "Comment": "a blue lamp for the hall"})
        told = until(client, "000002")
        assert settled(client, "late")["Found"] == "scores"
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failed
    made = Bundle.load(shelf.current())
    assert told["Data"] == made.fingerprint != old.fingerprint
    assert told["Way"] == ["000001", "000002"]
    assert "new" in made.rows
    assert made.views["image"].present[made.rows["new"]]
    assert old.ids[1] not in made.rows
    assert old.users[40] not in made.users
    assert told["Erased"] == 0
    kept = old.ids[2]
    assert made.views["text"].present[made.rows[kept]] == old.views["text"].present[2]
    popularity = made.parts.recommender.popularity_
    assert popularity[made.rows["new"]] == 40  # 20 likes, each worth 2
    assert client.get("/api/item/new/status").json()["Status"] == "live"
    assert client.get("/api/model").json()["Added"] == 1  # late alone
    assert (shelf.folder / "000002" / "report.json").is_file()
    back = client.post("/api/model/rollback")
    assert back.json()["Way"] == ["000001"]
    until(client, "000001")
    assert client.get("/api/item/new/neighbors/").json()  # known to the old bundle as well
    again = client.post("/api/model/rollback")
    assert (again.status_code, again.json()["what"]) == (409, "no previous bundle")


def test_too_little_to_learn_from_leaves_all_as_it_is(
    client: TestClient, shelved: Settings, shelf: BundleRegistry, bundle_folder: Path
) -> None:
    for user in Bundle.load(bundle_folder).users:
        client.delete(f"/api/user/{user}")
    with pytest.raises(DataError, match="nothing to learn from"):
        train(shelved, shelf)
    assert shelf.names() == ["000001"]
    assert client.get("/api/model").json()["Version"] == "000001"


def test_a_broken_bundle_is_not_swapped_in(
    client: TestClient, shelf: BundleRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(shelf.folder / "000001", shelf.folder / "000002")
    (shelf.folder / "000002" / "names.json").write_text("{}", encoding="utf-8")
    shelf.set_current("000002")
    end = time.monotonic() + 30
    while "can't be served" not in caplog.text and time.monotonic() < end:
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


def test_the_command_rolls_back_or_says_that_it_can_not(shelf: BundleRegistry) -> None:
    shutil.copytree(shelf.folder / "000001", shelf.folder / "000002")
    shelf.set_current("000002")
    told = CliRunner().invoke(app, ["refit", "--bundles", str(shelf.folder), "--rollback"])
    assert "000001" in told.output
    assert shelf.current().name == "000001"
    again = CliRunner().invoke(app, ["refit", "--bundles", str(shelf.folder), "--rollback"])
    assert isinstance(again.exception, BundleError)


def test_a_shelf_goes_its_way_and_drops_what_is_old(tmp_path: Path) -> None:
    for name in ("000001", "000002", "000003"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text("{}", encoding="utf-8")
    shelf = BundleRegistry(tmp_path)
    with pytest.raises(BundleError, match="no bundle is current"):
        shelf.current()
    (tmp_path / "current").write_text("000001\n", encoding="utf-8")
    shelf.set_current("000002")
    assert shelf.roll_back() == "000001"
    shelf.set_current("000003")
    assert shelf.history() == ["000001", "000003"]
    assert shelf.next_name() == "000004"
    assert shelf.prune(2) == ["000001"]
    assert shelf.history() == ["000003"]


def test_a_schedule_starts_one_refit_when_it_is_due(
    shelved: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from polyrec.serve.background.refit_schedule import RefitSchedule

    begun = []
    waits = [sys.executable, "-c", "import time; time.sleep(60)"]
    monkeypatch.setattr(RefitSchedule, "command", lambda _: begun.append(1) or waits)
    never, often = RefitSchedule(shelved), RefitSchedule(replace(shelved, refit_hours=1e-9))
    never.start_if_due()
    assert not begun
    try:
        often.start_if_due()
        often.start_if_due()
    finally:
        often.close()
    assert len(begun) == 1


def test_a_refit_that_another_does_is_left_to_it(shelved: Settings, shelf: BundleRegistry) -> None:
    from polyrec.database.leader_lock import exclusive_file_lock

    with (
        exclusive_file_lock(shelf.folder / ".refit"),
        pytest.raises(BundleError, match="another refit is under way"),
    ):
        train(shelved, shelf)
