"""Uploads have a quota: in all, per key, under way, and the disk keeps some space."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from polyrec.database import uploads
from polyrec.serve.app import create_app
from polyrec.serve.background import upload_quota
from polyrec.serve.settings import Settings

GB = 2**30
PATH = "/api/item/i000{}/media/image"


def stored_files(client: TestClient) -> list[Path]:
    return [file for file in client.app.state.service.files.folder.rglob("*") if file.is_file()]


@pytest.fixture
def upload(key: Callable[..., str], jpeg: bytes) -> Callable[..., int]:
    """Return a function that uploads a picture that nobody else has, and returns the status."""
    numbers = iter(range(100))

    def send(client: TestClient, key: str = "", *, size: int | None = None) -> int:
        number = next(numbers)
        content = (jpeg + bytes([number])).ljust(size or 0, b"\0")
        headers = {"X-API-Key": key} if key else {}
        answer = client.put(PATH.format(number % 10), content=content, headers=headers)
        if answer.status_code == 507:
            assert "no space for uploads" in answer.json()["what"]
        return answer.status_code

    return send


def test_the_quota_holds_for_files_that_were_replaced_and_over_workers(
    settings: Settings, upload: Callable[..., int], jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_quota, "_CACHE_S", 0)
    full = replace(settings, max_uploads_gb=3.5 * len(jpeg) / GB)
    with TestClient(create_app(full)) as client, TestClient(create_app(full)) as other:
        statuses = [upload(worker) for worker in (client, other, client, other, client)]
        assert statuses == [200, 200, 200, 507, 507]
        files = stored_files(client)
        assert len(files) == 3
        assert client.delete(PATH.format(0)).status_code == 200
        assert upload(client) == 507  # the file is still on the disk
        for file in files:
            os.utime(file, (0, 0))
        client.app.state.service.model_updater._delete_unused_files()
        assert len(stored_files(client)) == 2
        assert upload(other) == 200


def test_a_key_can_not_take_what_is_for_all(
    settings: Settings, upload: Callable[..., int], key: Callable[..., str], jpeg: bytes
) -> None:
    limit = 1.5 * len(jpeg) / GB
    guarded = replace(settings, require_keys=True, max_uploads_gb_per_key=limit)
    greedy, modest = key("write"), key("write")
    with TestClient(create_app(guarded)) as client:
        statuses = [upload(client, who) for who in (greedy, greedy, modest, greedy)]
    assert statuses == [200, 507, 200, 507]


@pytest.mark.parametrize(
    ("change", "status"),
    [({"min_free_gb": 1e9}, 507), ({"max_arriving_gb": 2e-3}, 503), ({"max_uploads_gb": 0}, 507)],
)
def test_what_is_under_way_and_the_disk_are_bounded(
    settings: Settings, upload: Callable[..., int], change: dict, status: int, jpeg: bytes
) -> None:
    with TestClient(create_app(replace(settings, **change))) as client:
        assert upload(client, size=5 * 2**20) == status
        assert stored_files(client) == []
        assert client.app.state.service.upload_quota._arriving == {}
        answer = client.post("/api/search/media/image", content=jpeg.ljust(5 * 2**20, b"\0"))
        assert answer.status_code == status  # it lies on the disk, too


def test_files_of_before_are_recorded_with_the_next_sweep(
    client: TestClient, upload: Callable[..., int], jpeg: bytes
) -> None:
    assert upload(client) == 200
    service = client.app.state.service
    with service.database.write() as connection:
        connection.execute(uploads.UPLOADS.delete())
        assert uploads.uploaded_bytes(connection) == 0
    os.utime(stored_files(client)[0], (time.time(), time.time()))
    service.model_updater._delete_unused_files()
    with service.database.read() as connection:
        assert uploads.uploaded_bytes(connection) == len(jpeg) + 1
