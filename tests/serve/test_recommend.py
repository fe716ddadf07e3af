"""What is recommended, to whom, and why."""

from collections.abc import Callable

from fastapi.testclient import TestClient

from polyrec.bundle import Bundle


def test_a_user_gets_what_the_bundle_recommends(client: TestClient, bundle_folder) -> None:
    bundle = Bundle.load(bundle_folder)
    for user in bundle.users[:5]:
        answer = client.get(f"/api/recommend/{user}", params={"n": 7})
        assert answer.json() == bundle.recommend([user], k=7).ids[0]
        assert answer.headers["X-Recommend-Source"] == "user"


def test_an_event_counts_in_the_very_next_request(client: TestClient, like: Callable) -> None:
    before = client.get("/api/recommend/new").json()
    like("new", before[0])
    after = client.get("/api/recommend/new")
    assert before[0] not in after.json()
    assert after.headers["X-Recommend-Source"] == "user"
    session = client.post("/api/session/recommend", json=[{"ItemId": before[0]}]).json()
    assert [pair["Id"] for pair in session] == after.json()
