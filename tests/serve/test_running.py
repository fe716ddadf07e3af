"""The service as a person starts it: workers, a sudden end, a stop."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

from fastapi.testclient import TestClient

from polyrec.database import records
from polyrec.database.database import Database
from polyrec.serve.app import create_app
from polyrec.serve.settings import Settings
from running import Running

EVENTS = 10


def flood(service: Running, name: str, acknowledged: list[str], enough: threading.Event) -> None:
    """Send batches until the service is gone; note the users whose batch was acknowledged."""
    for number in range(10_000):
        user = f"{name}-{number}"
        events = [
            {"FeedbackType": "like", "UserId": user, "ItemId": f"i{i:04d}"} for i in range(EVENTS)
        ]
        try:
            status, _ = service.ask("POST", "/api/feedback", events)
        except OSError:
            return  # killed in the middle: not acknowledged
        assert status == 200
        acknowledged.append(user)
        if number == 15:
            enough.set()


def all_likes(client: TestClient) -> Iterator[tuple[str, str]]:
    cursor = None
    while cursor != "":
        page = client.get(f"/api/feedback/like?n=10000&cursor={cursor or ''}").json()
        yield from ((f["UserId"], f["ItemId"]) for f in page["Feedback"])
        cursor = page["Cursor"]


def test_what_was_acknowledged_survives_a_sudden_end(bundle_folder: Path, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'service.sqlite'}"
    acknowledged: list[str] = []
    for turn in range(2):
        service = Running(bundle_folder, database)
        enough = threading.Event()
        threads = [
            threading.Thread(target=flood, args=(service, f"t{turn}-{who}", acknowledged, enough))
            for who in range(4)
        ]
        for thread in threads:
            thread.start()
        assert enough.wait(60)
        service.kill()
        for thread in threads:
            thread.join()
    with TestClient(create_app(Settings(bundle_folder, database=database))) as client:
        seen = [pair for pair in all_likes(client) if pair[0].startswith("t")]
    assert len(acknowledged) >= 32
    assert len(seen) == len(set(seen))
    assert {(user, f"i{i:04d}") for user in acknowledged for i in range(EVENTS)} <= set(seen)
    # a request is there whole, or not at all
    assert len(seen) == EVENTS * len({user for user, _ in seen})


def test_uploads_that_were_acknowledged_are_read_after_a_sudden_end(
    bundle_folder: Path, tmp_path: Path, jpeg: bytes
) -> None:
    url = f"sqlite:///{tmp_path / 'service.sqlite'}"
    service = Running(bundle_folder, url)
    items = [{"ItemId": f"n{i}", "Comment": f"a red lamp, number {i}"} for i in range(60)]
    assert service.ask("POST", "/api/items", items)[0] == 200
    for number in (0, 59):  # pictures that nobody else has, in case equal ones are read once
        sent = jpeg + bytes([number])
        assert service.ask("PUT", f"/api/item/n{number}/media/image", sent)[0] == 200
    service.kill()
    database = Database.open(url)
    with database.read() as connection:
        assert records.queued_items(connection, 1)  # it was killed before all was read
    database.close()
    with TestClient(create_app(Settings(bundle_folder, database=url))) as client:
        while "queued" in (status := client.get("/api/model").json()["Status"]):
            time.sleep(0.05)
        assert status == {"live": 120}
        for number in (0, 30, 59):
            status_body = client.get(f"/api/item/n{number}/status").json()
            image = "nothing there" if number == 30 else "read"
            assert status_body["Views"] == {"text": "read", "image": image}
            assert client.get(f"/api/item/n{number}/neighbors").json()


def test_several_workers_answer_alike_and_stop_on_a_signal(
    bundle_folder: Path, tmp_path: Path
) -> None:
    service = Running(bundle_folder, f"sqlite:///{tmp_path / 'service.sqlite'}", "--workers", "2")
    for number in range(12):
        item = f"i{number:04d}"
        event = {"FeedbackType": "like", "UserId": "ann", "ItemId": item}
        assert service.ask("POST", "/api/feedback", [event]) == (200, {"RowAffected": 1})
        for _ in range(3):  # a new connection each: one worker or the other
            assert item not in service.ask("GET", "/api/recommend/ann?n=60")[1]
    code, output = service.stop()
    assert (code, "Traceback" in output) == (0, False), output
