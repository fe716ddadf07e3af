"""Non-personalised lists, and neighbours."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from polyrec.artifact.bundle import Bundle


def names(answer: list[dict]) -> list[str]:
    return [pair["Id"] for pair in answer]


def test_the_latest_items_come_first_also_without_a_model_row(
    client: TestClient, like: Callable
) -> None:
    for item, timestamp, category in (("a", "2026-01-01", "x"), ("b", "2026-01-02", "y"),
                                   ("c", "2026-01-02T00:00:01Z", "x")):  # fmt: skip
        client.post(
            "/api/item", json={"ItemId": item, "Timestamp": timestamp, "Categories": [category]}
        )
    assert names(client.get("/api/latest?n=3").json()) == ["c", "b", "a"]
    assert client.get("/api/latest?n=1").json() == [{"Id": "c", "Score": 1767312001.0}]
    assert names(client.get("/api/latest/x").json()) == ["c", "a"]
    assert names(client.get("/api/latest?category=y").json()) == ["b"]
    assert names(client.get("/api/non-personalized/latest?n=2&offset=1").json()) == ["b", "a"]
    client.put("/api/item/c/category/y")
    assert names(client.get("/api/latest?category=x&category=y").json()) == ["c"]
    assert names(client.get("/api/latest/x?category=y&category=").json()) == ["c"]
    like("ann", "c")
    assert names(client.get("/api/latest?n=2&user-id=ann").json()) == ["b", "a"]


def test_recent_likes_rank_before_older_ones(
    client: TestClient, like: Callable, bundle: Bundle
) -> None:
    client.post("/api/item", json={"ItemId": "new-item"})
    for user in range(30):
        like(f"p{user}", "new-item", *(["i0003"] if user >= 10 else []))
    response = client.get("/api/popular?n=60").json()
    assert names(response)[:2] == ["new-item", "i0003"]
    assert response[0]["Score"] == pytest.approx(1, abs=1e-3)
    assert response == client.get("/api/non-personalized/popular?n=60").json()
    like("hater", "i0009", kind="dislike")
    assert names(client.get("/api/popular?n=60").json()) == names(response)
    client.patch("/api/item/i0003", json={"Categories": ["k"]})
    assert names(client.get("/api/popular/k").json()) == ["i0003"]
    assert names(client.get("/api/recommend/stranger?n=2").json() and response)[:2] == (
        client.get("/api/recommend/stranger?n=2").json()
    )


def test_popularity_forgets_who_is_deleted(client: TestClient, like: Callable) -> None:
    before = client.get("/api/popular?n=60").json()
    like("ann", "i0003")
    assert client.get("/api/popular?n=60").json() != before
    client.delete("/api/user/ann")
    assert client.get("/api/popular?n=60").json() == before


def test_neighbours_of_an_item(client: TestClient, bundle: Bundle) -> None:
    response = client.get("/api/item/i0003/neighbors/?n=5").json()
    similar = bundle.similar("i0003", k=5)
    assert names(response) == similar.ids[0]
    assert [pair["Score"] for pair in response] == pytest.approx(similar.scores[0], abs=1e-5)
    assert client.get("/api/item/i0003/neighbors?n=5").json() == response
    assert client.get("/api/item/i0003/neighbors?n=2&offset=3").json() == response[3:]
    by_image = client.get("/api/item/i0003/neighbors?n=5&view=image").json()
    assert names(by_image) == bundle.similar("i0003", view="image", k=5).ids[0]
    client.put(f"/api/item/{names(response)[2]}/category/k")
    assert names(client.get("/api/item/i0003/neighbors/k").json()) == [names(response)[2]]
    unknown = client.get("/api/item/unknown/neighbors/")
    assert (unknown.json(), unknown.headers["X-Recommend-Source"]) == ([], "none")


def test_neighbours_of_a_user_have_the_same_items(client: TestClient, like: Callable) -> None:
    like("ann", "x1", "x2", "x3")
    like("twin", "x1", "x2", "x3")
    like("half", "x1", "y")
    like("other", "y")
    response = client.get("/api/user/ann/neighbors/").json()
    assert names(response) == ["twin", "half"]
    assert [pair["Score"] for pair in response] == pytest.approx([1, 1 / 6**0.5])
    assert client.get("/api/user/ann/neighbors?n=1&offset=1").json() == response[1:]
    assert client.get("/api/user/nobody/neighbors").json() == []
