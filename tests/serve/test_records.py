"""Users, items and feedback over Gorse's routes."""

from urllib.parse import quote

from fastapi.testclient import TestClient


def rows(count: int) -> dict[str, int]:
    return {"RowAffected": count}


def test_a_user_is_inserted_changed_and_deleted(client: TestClient) -> None:
    user = {"UserId": "ann", "Labels": {"age": 30}, "Comment": "new"}
    assert client.post("/api/user", json=user).json() == rows(1)
    assert client.get("/api/user/ann").json() == user
    assert client.patch("/api/user/ann", json={"Comment": "old"}).json() == rows(1)
    assert client.get("/api/user/ann").json() == {**user, "Comment": "old"}
    assert client.post("/api/users", json=[{"UserId": "ann"}, {"UserId": "bob"}]).json() == rows(2)
    assert client.get("/api/user/ann").json() == {"UserId": "ann", "Labels": None, "Comment": ""}
    assert client.delete("/api/user/ann").json() == rows(1)
    assert client.get("/api/user/ann").status_code == 404
    assert client.delete("/api/user/ann").json() == rows(0)
    assert client.patch("/api/user/ann", json={"Comment": "x"}).json() == rows(0)


def test_an_item_is_inserted_changed_and_deleted(client: TestClient) -> None:
    item = {
        "ItemId": "new", "IsHidden": False, "Categories": ["a", "b"], "Labels": ["x"],
        "Timestamp": "2026-01-31T12:00:00Z", "Comment": "A film",
    }  # fmt: skip
    assert client.post("/api/item", json=item).json() == rows(1)
    item_body = client.get("/api/item/new").json()
    assert item_body.pop("Status") in {"queued", "live"}  # the model updater reads it at any moment
    assert item_body == {**item, "Reason": ""}
    assert client.patch("/api/item/new", json={"IsHidden": True, "Labels": {"y": 1}}).json() == (
        rows(1)
    )
    response = client.get("/api/item/new").json()
    assert (response["IsHidden"], response["Labels"], response["Categories"]) == (
        True,
        {"y": 1},
        ["a", "b"],
    )
    assert response["Timestamp"] == item["Timestamp"]
    assert client.put("/api/item/new/category/c").json() == rows(1)
    assert client.delete("/api/item/new/category/a").json() == rows(1)
    assert client.get("/api/item/new").json()["Categories"] == ["b", "c"]
    assert client.put("/api/item/nothing/category/c").status_code == 404
    assert client.delete("/api/item/nothing/category/c").status_code == 404
    assert client.delete("/api/item/new").json() == rows(1)
    assert client.get("/api/item/new").status_code == 404


def test_the_bundle_is_imported_once(client: TestClient, bundle) -> None:
    page = client.get("/api/items", params={"n": 1_000}).json()
    assert [item["ItemId"] for item in page["Items"]] == sorted(bundle.ids)
    assert {item["Status"] for item in page["Items"]} == {"live"}
    assert page["Cursor"] == ""
    first = page["Items"][0]["ItemId"]
    assert page["Items"][0]["Comment"] == bundle.title(first)
    user = bundle.users[0]
    done = client.get(f"/api/user/{user}/feedback").json()
    assert {f["ItemId"] for f in done} == set(bundle.history(user))
    assert {f["FeedbackType"] for f in done} <= set(bundle.kinds)


def test_feedback_has_all_its_paths(client: TestClient) -> None:
    rating = {"FeedbackType": "star", "UserId": "ann", "ItemId": "x", "Value": 4.0,
              "Timestamp": "2022-02-24T00:00:00Z", "Comment": "hm"}  # fmt: skip
    assert client.post("/api/feedback", json=[{**rating, "Timestamp": "2022-02-24"}]).json() == (
        rows(1)
    )
    response = client.get("/api/feedback/star/ann/x").json()
    assert {name: response[name] for name in rating} == rating
    for path in ("/api/feedback/ann/x", "/api/user/ann/feedback", "/api/user/ann/feedback/",
                 "/api/user/ann/feedback/star", "/api/item/x/feedback/", "/api/item/x/feedback",
                 "/api/item/x/feedback/star"):  # fmt: skip
        assert client.get(path).json() == [response], path
    page = client.get("/api/feedback/star").json()
    assert page == {"Cursor": "", "Feedback": [response]}
    assert client.get("/api/user/ann/feedback/buy").json() == []
    assert client.get("/api/feedback/buy/ann/x").status_code == 404
    assert client.delete("/api/feedback/buy/ann/x").json() == rows(0)
    assert client.delete("/api/feedback/star/ann/x").json() == rows(1)
    assert client.delete("/api/feedback/ann/x").json() == rows(0)


def test_post_adds_values_and_put_replaces(two_workers: tuple[TestClient, TestClient]) -> None:
    event = {"FeedbackType": "star", "UserId": "ann", "ItemId": "x"}
    first, second = two_workers
    for method, value, comment, kept in (
        ("POST", 1, "a", (1, "a")), ("POST", 2.5, "b", (3.5, "a")), ("POST", 0, "c", (3.5, "a")),
        ("PUT", 3, "d", (3, "d")), ("POST", -4, "e", (-1, "d")),
    ):  # fmt: skip
        sent = [{**event, "Value": value, "Comment": comment}]
        assert first.request(method, "/api/feedback", json=sent).json() == rows(1)
        stored = second.get("/api/feedback/star/ann/x").json()
        assert (stored["Value"], stored["Comment"]) == kept


def test_pages_follow_their_cursors_to_the_end(client: TestClient) -> None:
    for listing, name in (("items", "Items"), ("users", "Users"), ("feedback", "Feedback")):
        entries, cursor, pages = [], "", 0
        while cursor or not pages:
            page = client.get(f"/api/{listing}", params={"n": 50, "cursor": cursor}).json()
            entries += page[name]
            cursor, pages = page["Cursor"], pages + 1
        entire = client.get(f"/api/{listing}", params={"n": 10_000}).json()[name]
        assert pages == -(-len(entire) // 50)
        assert entries == entire


def test_an_id_may_hold_a_slash_and_any_letter(client: TestClient) -> None:
    for user in ("a/b", "../../etc/passwd", "ü ñ", "a%2Fb", "a?b#c", "日本"):
        quoted = "".join(f"%{byte:02X}" for byte in user.encode())
        client.post("/api/user", json={"UserId": user, "Comment": user})
        assert client.get(f"/api/user/{quoted}").json()["Comment"] == user
        assert client.delete(f"/api/user/{quoted}").json() == rows(1)


def test_markup_and_sql_come_back_as_they_were_sent(client: TestClient) -> None:
    hostile = "<script>alert(1)</script>'; DROP TABLE items; --\" OR 1=1"
    item = {"ItemId": hostile[:200], "Comment": hostile, "Labels": {hostile: [hostile]},
            "Categories": [hostile]}  # fmt: skip
    assert client.post("/api/item", json=item).json() == rows(1)
    page = client.get("/api/items", params={"n": 1_000}).json()["Items"]
    response = next(entry for entry in page if entry["ItemId"] == hostile)
    assert (response["Comment"], response["Labels"]) == (hostile, {hostile: [hostile]})
    assert client.get("/api/latest", params={"category": hostile}).json()[0]["Id"] == hostile
    user = {"UserId": hostile, "Comment": hostile, "Labels": {hostile: hostile}}
    assert client.post("/api/user", json=user).json() == rows(1)
    feedback = {"FeedbackType": hostile, "UserId": hostile, "ItemId": hostile, "Comment": hostile}
    assert client.post("/api/feedback", json=[feedback]).json() == rows(1)
    quoted = quote(hostile, safe="")
    assert client.get(f"/api/user/{quoted}").json() == user
    (kept,) = client.get(f"/api/feedback/{quoted}").json()["Feedback"]
    assert {name: kept[name] for name in feedback} == feedback
    words = {
        "Text": hostile,
        "Categories": [hostile],
        "Labels": {hostile: [hostile]},
        "Exclude": [hostile],
    }
    assert client.post("/api/search", json=words).json()["Items"] == []
    assert client.get(f"/api/recommend/{quoted}", params={"category": hostile}).json() == []
    assert client.delete(f"/api/user/{quoted}").json() == rows(1)
    assert client.get(f"/api/feedback/{quoted}").json()["Feedback"] == []
