"""What people state about their taste: it counts in the next list, is exported and erased."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from polyrec.serve.app import create_app


@pytest.fixture
def shop(client: TestClient, like: Callable[..., None]) -> TestClient:
    """Return a client of a service whose user ann likes two jazz items of the bundle."""
    for item in ("i0000", "i0001", "i0002", "i0003"):
        client.patch(f"/api/item/{item}", json={"Categories": ["jazz"], "Labels": {"by": ["Bo"]}})
    for item in ("i0004", "i0005", "i0006"):
        client.patch(f"/api/item/{item}", json={"Categories": ["horror"], "Labels": {"by": ["Cy"]}})
    like("ann", "i0000", "i0001", "i0010", "i0011")
    return client


def state(client: TestClient, attitude: str, user: str = "ann", **subject: Any) -> int:
    answer = client.put(f"/api/user/{user}/tastes", json={"Attitude": attitude, **subject})
    assert answer.status_code == 200, answer.json()
    return answer.json()["RowAffected"]


def undo(client: TestClient, user: str = "ann") -> int:
    return client.post(f"/api/user/{user}/tastes/undo").json()["RowAffected"]


def recommend(client: TestClient, user: str = "ann", query: str = "n=100") -> list[str]:
    return client.get(f"/api/recommend/{user}?{query}").json()


def profile(client: TestClient, user: str = "ann") -> dict[str, Any]:
    return client.get(f"/api/user/{user}/profile").json()


HORROR = {"i0004", "i0005", "i0006"}


@pytest.mark.parametrize(
    "subject",
    [{"Category": "horror"}, {"Label": ["by", "Cy"]}],
)
def test_what_is_disliked_is_in_no_list_unless_it_is_asked_for(
    shop: TestClient, subject: dict[str, Any]
) -> None:
    before = recommend(shop)
    assert set(before) >= HORROR
    assert state(shop, "dislike", **subject) == 1
    assert state(shop, "dislike", **subject) == 0  # known
    assert set(recommend(shop)) == set(before) - HORROR
    batch = shop.post("/api/recommend", json={"Users": ["ann"], "N": 100}).json()["Results"][0]
    assert HORROR.isdisjoint(item["Id"] for item in batch["Items"])
    if "Category" in subject:
        assert set(recommend(shop, query="n=100&category=horror")) == HORROR
    assert undo(shop) == 1
    assert recommend(shop) == before
    assert undo(shop) == 0


def test_an_item_can_be_liked_or_disliked(shop: TestClient) -> None:
    before = recommend(shop)
    state(shop, "dislike", ItemId=before[0])
    assert recommend(shop) == [i for i in before if i != before[0]]
    state(shop, "like", ItemId=before[0])  # replaces it: now it counts like an event
    assert before[0] not in recommend(shop)  # as what was seen
    assert recommend(shop)[:20] != before[1:21]
    assert [t["Attitude"] for t in profile(shop)["Tastes"]] == ["like"]
    undo(shop)
    assert [t["Attitude"] for t in profile(shop)["Tastes"]] == ["dislike"]
    state(shop, "none", ItemId=before[0])
    assert (profile(shop)["Tastes"], recommend(shop)) == ([], before)


def test_a_liked_category_ranks_higher_for_strangers_too(shop: TestClient) -> None:
    for user in ("ann", "stranger"):
        before = recommend(shop, user)
        state(shop, "like", user, Category="horror")
        after = recommend(shop, user)
        assert set(after) == set(before)
        places = [sum(map(listed.index, HORROR)) for listed in (before, after)]
        assert places[1] < places[0]


def test_words_name_items_that_have_all_of_them(shop: TestClient) -> None:
    shop.patch("/api/item/i0020", json={"Comment": "The old harbour\nA ship in the fog"})
    shop.patch("/api/item/i0021", json={"Comment": "A harbour"})
    state(shop, "dislike", Words="  harbour   fog ")
    listed = recommend(shop)
    assert "i0020" not in listed
    assert "i0021" in listed
    assert profile(shop)["Tastes"] == [{"Attitude": "dislike", "Words": "harbour fog"}]


def test_what_is_ignored_no_longer_counts_but_stays_seen(
    shop: TestClient, like: Callable[..., None]
) -> None:
    assert {"Key": None, "Value": "jazz", "Items": 2} in profile(shop)["Traits"]
    state(shop, "ignore", Category="jazz")
    assert "jazz" not in {trait["Value"] for trait in profile(shop)["Traits"]}
    assert profile(shop)["Items"] == 2
    like("bob", "i0010", "i0011")  # the same history without jazz
    mine = recommend(shop)
    assert mine == [item for item in recommend(shop, "bob") if item not in ("i0000", "i0001")]
    assert {"i0002", "i0003"} <= set(mine)  # jazz itself is not disliked
    # an item that leaves the category counts again
    shop.patch("/api/item/i0000", json={"Categories": ["folk"]})
    assert profile(shop)["Items"] == 3


def test_records_exports_and_erasure_cover_tastes(shop: TestClient) -> None:
    state(shop, "dislike", Category="horror")
    tastes = [{"Attitude": "dislike", "Category": "horror"}]
    assert shop.get("/api/user/ann").json()["Tastes"] == tastes
    assert "Tastes" not in shop.get("/api/user/u0000").json()
    lines = shop.get("/api/bulk/users").text
    assert '"Tastes":[{"Attitude":"dislike","Category":"horror"}]' in lines
    # a shop that knows nothing of tastes keeps them
    assert shop.post("/api/user", json={"UserId": "ann", "Labels": {"a": "b"}}).status_code == 200
    assert shop.get("/api/user/ann").json() == {
        "UserId": "ann", "Labels": {"a": "b"}, "Comment": "", "Tastes": tastes,
    }  # fmt: skip
    assert HORROR.isdisjoint(recommend(shop))
    copied = {"UserId": "copy", "Tastes": tastes}
    assert shop.post("/api/users", json=[copied]).status_code == 200
    assert HORROR.isdisjoint(recommend(shop, "copy"))
    assert shop.delete("/api/user/ann").json() == {"RowAffected": 1}
    assert shop.get("/api/user/ann").status_code == 404
    assert profile(shop) == {"UserId": "ann", "Items": 0, "Traits": [], "Latest": [], "Tastes": []}
    assert set(recommend(shop)) >= HORROR


def test_every_worker_and_a_restart_follow(two_workers: tuple[TestClient, TestClient]) -> None:
    first, second = two_workers
    worst = recommend(second, "u0003")[0]
    state(first, "dislike", "u0003", ItemId=worst)
    assert worst not in recommend(second, "u0003")
    assert undo(second, "u0003") == 1
    assert recommend(first, "u0003")[0] == worst
    state(first, "dislike", "u0003", ItemId=worst)
    with TestClient(create_app(first.app.state.service.settings)) as restarted:
        assert worst not in recommend(restarted, "u0003")


BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "Attitude"),
    ({"Attitude": "adore", "Category": "x"}, "Attitude"),
    ({"Attitude": "like"}, "send one of"),
    ({"Attitude": "like", "Words": "  "}, "send one of"),
    ({"Attitude": "like", "Category": "x", "ItemId": "y"}, "send one of"),
    ({"Attitude": "like", "Label": ["key"]}, "Label"),
    ({"Attitude": "like", "Words": "x" * 201}, "Words"),
    ({"Attitude": "like", "Words": "a\0b"}, "Words"),
    ({"Attitude": "like", "Categry": "x"}, "did you mean"),
]


def test_bad_tastes_are_refused(client: TestClient) -> None:
    for body, message in BAD:
        answer = client.put("/api/user/ann/tastes", json=body)
        assert answer.status_code == 400, body
        assert message in str(answer.json()), answer.json()
    for number in range(200):
        assert state(client, "like", Category=f"c{number}") == 1
    answer = client.put("/api/user/ann/tastes", json={"Attitude": "like", "Category": "one more"})
    assert (answer.status_code, answer.json()["what"]) == (400, "too many tastes")
    assert state(client, "dislike", Category="c0") == 1  # replaces one
    assert len(profile(client)["Tastes"]) == 200


def test_stating_needs_a_write_key(guarded: TestClient, key: Callable[..., str]) -> None:
    read, write, page = key("read"), key("write"), key("recommend")
    body = {"Attitude": "like", "Category": "jazz"}

    def send(method: str, path: str, text: str, **options: Any) -> int:
        return guarded.request(method, path, headers={"X-API-Key": text}, **options).status_code

    for text, stated, seen in ((read, 403, 200), (write, 200, 403), (page, 403, 403)):
        assert send("PUT", "/api/user/ann/tastes", text, json=body) == stated
        assert send("POST", "/api/user/ann/tastes/undo", text) == stated
        assert send("GET", "/api/user/ann/profile", text) == seen
