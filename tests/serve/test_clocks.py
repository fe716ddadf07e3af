"""The order of things is the log's: a moved clock, or two that differ, lose and repeat nothing."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from polyrec.database import change_log, records
from polyrec.database.change_log import now_us
from polyrec.serve.background.bundle_import import record_snapshot
from tests.running import Running

_HOUR = 3_600_000_000  # microseconds
Clock = Callable[[float], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return a function that sets the clock so many hours forward."""
    offset = [0]
    monkeypatch.setattr(change_log, "now_us", lambda: now_us() + offset[0])

    def move(hours: float) -> None:
        offset[0] = int(hours * _HOUR)

    return move


def like(client: TestClient, *items: str, user: str = "ann", **more) -> None:
    feedback = [{"FeedbackType": "like", "UserId": user, "ItemId": item, **more} for item in items]
    assert client.post("/api/feedback", json=feedback).status_code == 200


def liked(client: TestClient) -> tuple[str, ...]:
    service = client.app.state.service
    service.live.catch_up()
    return service.live.history("ann").items


def test_nothing_is_lost_when_the_clock_is_set_back(client: TestClient, clock: Clock) -> None:
    like(client, "i0003", "i0009")
    like(client, "i0005", Timestamp="2020-01-01T00:00:00Z")
    clock(-1)
    like(client, "i0001")
    assert liked(client) == ("i0005", "i0003", "i0009", "i0001")
    assert len(client.get("/api/user/ann/feedback").json()) == 4
    assert len(client.get("/api/feedback?n=10000").json()["Feedback"]) > 4
    shown = client.get("/api/recommend/ann?n=60").json()
    assert not {"i0003", "i0009", "i0001"} & set(shown)
    like(client, *["i0007"] * 5)
    assert liked(client)[-1] == "i0007"


def test_two_clocks_an_hour_apart_agree(
    two_workers: tuple[TestClient, TestClient], clock: Clock
) -> None:
    fast, slow = two_workers
    for number in range(6):
        clock(1 - number % 2)
        like((fast, slow)[number % 2], f"i000{number}")
    for hours, worker in ((1, fast), (0, slow)):
        clock(hours)
        assert liked(worker) == tuple(f"i000{number}" for number in range(6))
    clock(1)
    for number in range(8):
        like(fast, "i0009", user=f"p{number}")
    clock(0)
    lists = [worker.get("/api/popular?n=9").json() for worker in two_workers]
    assert lists[0] == lists[1]
    assert lists[0][0]["Id"] == "i0009"


def test_what_was_due_stays_due(client: TestClient, clock: Clock) -> None:
    like(client, "i0003", Timestamp=now_us() / 1e6 + 600)
    assert liked(client) == ()
    clock(0.5)
    assert liked(client) == ("i0003",)
    clock(0)
    assert liked(client) == ("i0003",)


def test_a_wrong_clock_of_another_century_does_not_stay(client: TestClient, clock: Clock) -> None:
    clock(24 * 365 * 70)
    like(client, "i0003")
    clock(0)
    like(client, "i0009", Timestamp=now_us() / 1e6 + 600)
    like(client, "i0001")
    assert set(liked(client)) == {"i0003", "i0001"}


def test_revisions_snapshots_and_erasures_are_in_order(client: TestClient, clock: Clock) -> None:
    service = client.app.state.service
    client.post("/api/item", json={"ItemId": "lamp", "Comment": "a red lamp"})
    with service.database.write() as connection:
        snapshot = change_log.append_snapshot(connection)
        record_snapshot(connection, "000009", snapshot)
    clock(-1)
    client.patch("/api/item/lamp", json={"Comment": "a blue lamp"})
    client.delete("/api/user/u0003")
    with service.database.read() as connection:
        (erased,) = change_log.erased_users(connection).values()
        lamp = records.find_item(connection, "lamp")
    assert snapshot < lamp.revision < erased


_MOVED = """
import os, time
shift = int(os.environ.get("CLOCK_SHIFT_S", "0"))
seconds, nanoseconds = time.time, time.time_ns
time.time = lambda: seconds() + shift
time.time_ns = lambda: nanoseconds() + shift * 10**9
"""


def test_two_processes_whose_clocks_differ(
    bundle_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(_MOVED)
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("PYTHONPATH", path)
    services = []
    for shift in (3600, 0):
        monkeypatch.setenv("CLOCK_SHIFT_S", str(shift))
        services.append(Running(bundle_folder, f"sqlite:///{tmp_path / 'two.sqlite'}"))
    try:
        for number in range(10):
            feedback = {"FeedbackType": "like", "UserId": "ann", "ItemId": f"i000{number}"}
            assert services[number % 2].ask("POST", "/api/feedback", [feedback])[0] == 200
            stored = [service.ask("GET", "/api/user/ann/feedback")[1] for service in services]
            assert stored[0] == stored[1]
            assert len(stored[0]) == number + 1
        times = {row["ItemId"]: row["Timestamp"] for row in stored[0]}
        assert sorted(times, key=times.get) == [f"i000{number}" for number in range(10)]
        services[0].ask("POST", "/api/item", {"ItemId": "lamp", "Comment": "a red lamp"})
        services[1].ask("PATCH", "/api/item/lamp", {"Comment": "a blue lamp"})
        for service in services:  # each has the item by its last comment
            while service.ask("GET", "/api/item/lamp/status")[1]["Status"] != "live":
                time.sleep(0.1)
        first, second = (service.ask("GET", "/api/recommend/ann?n=60")[1] for service in services)
        assert first == second
        assert not set(times) & set(first)
    finally:
        for service in services:
            service.kill()
