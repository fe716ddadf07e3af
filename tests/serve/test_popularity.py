"""Popularity counts people in the feedback table: each once per item, and nothing of the future."""

import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from polyrec.config.event_weights import EventWeights
from polyrec.database.feedback import Event
from polyrec.serve.app import create_app
from polyrec.serve.settings import Settings
from polyrec.serve.state.popularity import RecentPopularity


def send(client: TestClient, item: str, users: range, *, method: str = "POST", **more) -> None:
    feedback = [
        {"FeedbackType": "like", "UserId": f"p{user}", "ItemId": item, **more} for user in users
    ]
    assert client.request(method, "/api/feedback", json=feedback).status_code == 200


def popular(client: TestClient, n: int = 60) -> list[str]:
    return [pair["Id"] for pair in client.get(f"/api/popular?n={n}").json()]


def test_one_event_of_the_future_changes_nothing(plain: TestClient) -> None:
    send(plain, "m20", range(20))
    send(plain, "m21", range(10))
    before = popular(plain)
    assert before[:2] == ["m20", "m21"]
    send(plain, "m11", range(90, 91), Timestamp="2099-01-01T00:00:00Z")
    assert popular(plain) == before
    assert plain.get("/api/popular?n=1").json()[0]["Score"] == 1


def test_delayed_events_count_when_they_are_due(plain: TestClient) -> None:
    send(plain, "m11", range(10), Timestamp=time.time() + 0.7)
    assert popular(plain, 1) != ["m11"]
    deadline = time.monotonic() + 5
    while popular(plain, 1) != ["m11"] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert popular(plain, 1) == ["m11"]


def test_a_lone_event_in_a_quiet_shop_does_not_lead(plain: TestClient) -> None:
    before = popular(plain, 3)
    send(plain, "m00", range(1))
    assert popular(plain, 3) == before


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_person_counts_once_per_item(plain: TestClient, method: str) -> None:
    send(plain, "m12", range(9))
    for number in range(20):
        send(plain, "m11", range(3), method=method, FeedbackType="like", Comment=str(number))
    assert popular(plain, 1) == ["m12"]


def test_what_is_deleted_or_disliked_counts_no_more(plain: TestClient) -> None:
    before = popular(plain)
    send(plain, "m11", range(8))
    send(plain, "m12", range(8))
    send(plain, "m13", range(8))
    assert set(popular(plain, 3)) == {"m11", "m12", "m13"}
    for user in range(8):
        plain.delete(f"/api/feedback/like/p{user}/m11")
        plain.delete(f"/api/user/p{user}")
    assert popular(plain) == before
    send(plain, "m14", range(8))
    send(plain, "m14", range(8), FeedbackType="dislike")
    assert popular(plain) == before


def test_every_worker_counts_the_same(
    plain: TestClient, plain_folder: Path, tmp_path: Path
) -> None:
    for item in range(10, 20):
        send(plain, f"m{item}", range(item - 9))
    send(plain, "m11", range(2), FeedbackType="dislike")
    lists = plain.get("/api/popular?n=60").json()
    settings = Settings(plain_folder, database=f"sqlite:///{tmp_path / 'plain.sqlite'}")
    with TestClient(create_app(settings)) as second:
        assert second.get("/api/popular?n=60").json() == lists


def test_an_item_that_nobody_described_is_in_no_list(plain: TestClient) -> None:
    send(plain, "typo", range(20))
    assert plain.get("/api/item/typo").json()["Status"] == "undescribed"

    def lists() -> list[str]:
        urls = ("popular?n=60", "latest?n=60", "recommend/stranger?n=60", "recommend/u1?n=60")
        answers = [plain.get(f"/api/{url}").json() for url in urls]
        return [str(pair) for answer in answers for pair in answer if "typo" in str(pair)]

    assert lists() == []
    plain.patch("/api/item/typo", json={"Categories": ["film"]})
    assert plain.get("/api/item/typo").json()["Status"] != "undescribed"
    assert len(lists()) == 4
    assert popular(plain, 1) == ["typo"]


def test_only_the_latest_pairs_are_held() -> None:
    popularity = RecentPopularity(longest=2, half_life_days=1)
    for user in ("ann", "bob", "cid"):
        popularity.add((user, "a"))
    popularity.mark([("ann", "a")])
    events = {(user, "a"): [Event("a", "like", 0.0, None, 0)] for user in ("ann", "bob")}
    popularity.refresh(lambda _pairs: events, {"a": 0}.get, EventWeights(), now=0)
    assert popularity.sums(1, now=0).tolist() == [1.0]  # bob's: ann left first, cid has no event
    assert len(popularity) == 1
