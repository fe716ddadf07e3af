"""Search by content, and explanations of a score."""

import base64
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from polyrec.artifact.bundle import Bundle
from polyrec.artifact.item_search import SearchQuery, SearchWeights


@pytest.fixture
def known(bundle_folder: Path) -> Bundle:
    return Bundle.load(bundle_folder)


def first_picture(known: Bundle, world: Path) -> tuple[str, bytes]:
    from polyrec.data.frames import FileReader, find_table

    rows = FileReader().table(find_table(world, "items")).frame.to_dicts()
    files = {row["item_id"]: row["image"] for row in rows}
    item = known.ids[int(np.flatnonzero(known.views["image"].present)[0])]
    return item, (world / files[item]).read_bytes()


def search(client: TestClient, **body: object) -> list[str]:
    answer = client.post("/api/search", json=body)
    assert answer.status_code == 200, answer.json()
    return [pair["Id"] for pair in answer.json()["Items"]]


def test_a_search_equals_the_bundle_s(client: TestClient, known: Bundle) -> None:
    text = "a red lamp for the kitchen"
    liked, unlike = known.ids[2], known.ids[5]
    for body, query in (
        ({"Text": text}, SearchQuery(text)),
        ({"Text": text, "View": "text"}, SearchQuery(text, view="text")),
        ({"Items": [liked], "Negative": [unlike]}, SearchQuery("", {}, [liked], [unlike])),
        (
            {"Text": text, "Negative": [unlike], "Weights": {"Words": 0.3, "Negative": 2}},
            SearchQuery(text, negative=[unlike], weights=SearchWeights(words=0.3, negative=2)),
        ),
    ):
        answer = client.post("/api/search", json={**body, "N": 20}).json()
        expected = known.search(query, k=20)
        scores = [pair["Score"] for pair in answer["Items"]]
        assert scores == pytest.approx(expected.scores[0], abs=1e-5), body
        assert {pair["Id"] for pair in answer["Items"]} == set(expected.ids[0])
    answer = client.post("/api/search", json={"Text": text}).json()
    assert (answer["View"], answer["Rankings"]) == ("text", ["words", "content"])


def test_words_follow_the_catalogue(client: TestClient, known: Bundle) -> None:
    assert search(client, Text="zeppelin quixotic", Weights={"Content": 0}) == []
    items = [
        {"ItemId": "z1", "Comment": "Zeppelin\nA quixotic airship"},
        {"ItemId": "z2", "Comment": "A ship", "Categories": ["toys"]},
    ]
    client.post("/api/items", json=items)
    assert search(client, Text="quixotic ship", Weights={"Content": 0}) == ["z2", "z1"]
    assert search(client, Text="zeppelin")[0] == "z1"  # the title, before all that content finds
    assert search(client, Text="ship", Categories=["toys"], Weights={"Content": 0}) == ["z2"]
    client.patch("/api/item/z1", json={"Comment": "An airship"})
    client.patch("/api/item/z2", json={"IsHidden": True})
    assert search(client, Text="quixotic ship", Weights={"Content": 0}) == []
    client.delete("/api/item/z1")
    assert search(client, Text="airship", Weights={"Content": 0}) == []
    title = known.titles[7]
    assert known.title(search(client, Text=title)[0]) == title


def test_filters_are_those_of_conversations(client: TestClient) -> None:
    comment = "Zeppelin\nA quixotic airship"
    items = [
        {"ItemId": "z1", "Comment": comment, "Categories": ["toys", "old"],
         "Timestamp": "1990-01-01"},
        {"ItemId": "z2", "Comment": comment, "Categories": ["toys"], "Timestamp": "2000-01-01"},
        {"ItemId": "z3", "Comment": f"{comment} of hydrogen", "Labels": {"colour": ["red"]},
         "Categories": ["books"], "Timestamp": "2010-01-01"},
    ]  # fmt: skip
    assert client.post("/api/items", json=items).status_code == 200
    for body, expected in (
        ({}, {"z1", "z2", "z3"}),
        ({"WithoutCategories": ["old"]}, {"z2", "z3"}),
        ({"AnyCategories": ["books", "old"]}, {"z1", "z3"}),
        ({"WithoutLabels": {"colour": ["red", "blue"]}}, {"z1", "z2"}),
        ({"Times": {"After": "1995-01-01"}}, {"z2", "z3"}),
        ({"Times": {"After": "1995-01-01", "Before": "2005-01-01"}}, {"z2"}),
        ({"Times": {}}, {"z1", "z2", "z3"}),
        ({"UnwantedWords": ["hydrogen", "helium"]}, {"z1", "z2"}),
        ({"UnwantedWords": ["", "Zeppelin"]}, set()),
    ):
        query = {"Text": "quixotic", "Weights": {"Content": 0}, **body}
        assert set(search(client, **query)) == expected, body
    batch = {"Users": ["u0003"], "N": 100, "AnyCategories": ["toys"], "WithoutCategories": ["old"]}
    (listed,) = client.post("/api/recommend", json=batch).json()["Results"]
    assert [item["Id"] for item in listed["Items"]] == ["z2"]


def test_q_lists_the_items_that_suit_the_words(client: TestClient, known: Bundle) -> None:
    title = known.titles[7]
    page = client.get("/api/items", params={"q": title, "n": 3}).json()
    assert page["Cursor"] == ""
    assert [item["ItemId"] for item in page["Items"]] == search(client, Text=title, N=3)
    assert page["Items"][0]["Comment"].startswith(title)
    every = client.get("/api/items", params={"n": 3}).json()["Items"]
    assert client.get("/api/items", params={"q": " ", "n": 3}).json()["Items"] == every


def test_a_user_s_taste_orders_what_was_found(
    client: TestClient, like: Callable, known: Bundle
) -> None:
    heavy = {"Text": "a red lamp", "Weights": {"Content": 0, "User": 1000}, "N": 60}
    plain = search(client, **heavy)
    assert search(client, **heavy, UserId="nobody") == plain
    like("zoe", plain[-1])
    answer = client.post("/api/search", json={**heavy, "UserId": "zoe"}).json()
    assert answer["Rankings"] == ["words", "user"]
    personal = [pair["Id"] for pair in answer["Items"]]
    assert set(personal) == set(plain)
    assert personal.index(plain[-1]) < len(plain) - 1


def test_a_picture_finds_its_item_sent_as_it_is_or_in_json(
    client: TestClient, known: Bundle, world: Path
) -> None:
    item, file = first_picture(known, world)
    plain = client.post("/api/search/media/image", content=file, params={"n": 3}).json()
    assert plain["Items"][0]["Id"] == item
    assert plain["Items"][0]["Score"] == pytest.approx(1, abs=1e-3)
    body = {"Image": base64.b64encode(file).decode(), "N": 3}
    assert client.post("/api/search", json=body).json() == plain
    combined = client.post("/api/search", json={**body, "Text": known.title(item)}).json()
    assert combined["View"] == "fused"
    assert item in [pair["Id"] for pair in combined["Items"]]


def test_items_find_their_like_but_not_themselves(client: TestClient, known: Bundle) -> None:
    first, second = known.ids[:2]
    answer = client.post("/api/search", json={"Items": [first], "N": 5}).json()
    assert [pair["Id"] for pair in answer["Items"]] == known.similar(first, k=5).ids[0]
    client.patch(f"/api/item/{second}", json={"Categories": ["odd"]})
    only = client.post("/api/search", json={"Items": [first], "Categories": ["odd"]}).json()
    assert [pair["Id"] for pair in only["Items"]] == [second]
    client.delete(f"/api/item/{second}")
    left = client.post("/api/search", json={"Items": [first], "N": 100}).json()["Items"]
    assert second not in [pair["Id"] for pair in left]


@pytest.mark.parametrize(
    ("body", "status", "what"),
    [
        ({}, 400, "the query is empty"),
        ({"Text": "lamp", "View": "smell"}, 404, "no such view"),
        ({"Items": ["nobody"]}, 404, "unknown items"),
        ({"Text": "lamp", "Negative": ["nobody"]}, 404, "unknown items"),
        ({"Text": "lamp", "UserId": "a\0b"}, 400, "body.UserId is invalid"),
        ({"Text": "lamp", "Weights": {"Words": -1}}, 400, "body.Weights.Words is invalid"),
        ({"Image": "%%%"}, 400, "Image is not valid base64"),
        ({"Image": base64.b64encode(b"plain words").decode()}, 415, "the file contains no image"),
        ({"Image": base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()}, 415, "can't be read"),
        (
            {"Audio": base64.b64encode(b"ID3").decode()},
            400,
            "the bundle has no encoder for this content",
        ),
        ({"Text": "lamp", "View": "image"}, 400, "these views share no space"),
        ({"Text": "lamp", "N": 10**6}, 400, "too large"),
    ],
)
def test_invalid_queries_are_refused(
    client: TestClient, body: dict, status: int, what: str
) -> None:
    answer = client.post("/api/search", json=body)
    assert answer.status_code == status
    assert what in answer.json()["what"]


def test_explanations_add_up_for_a_live_history_and_a_new_item(
    client: TestClient, like: Callable, known: Bundle
) -> None:
    from serve.test_media import settled

    client.post("/api/item", json={"ItemId": "new", "Comment": "a red lamp for the kitchen"})
    settled(client, "new")
    like("ann", known.ids[3], known.ids[9])
    scores = {
        pair["Id"]: pair["Score"]
        for pair in client.get("/api/recommend/ann?n=70", headers={"X-API-Version": "2"}).json()
    }
    for item in ("new", known.ids[20]):
        explanation = client.get(f"/api/explain/ann/{item}").json()
        assert explanation["Exact"]
        assert explanation["Score"] == pytest.approx(scores[item], abs=1e-5)
        assert {part["ItemId"] for part in explanation["History"]} == {known.ids[i] for i in (3, 9)}
        shares = sum(part["Share"] for part in explanation["History"])
        assert explanation["Baseline"] + shares == pytest.approx(explanation["Score"], abs=1e-5)
        assert sum(explanation["Sources"].values()) == pytest.approx(shares, abs=1e-5)


def test_a_reason_in_words_has_the_titles_of_now(
    client: TestClient, like: Callable, known: Bundle
) -> None:
    item = known.ids[3]
    client.patch(f"/api/item/{item}", json={"Comment": "Ignore \u202eall\nand more"})
    like("ann", item)
    explanations = [
        client.get(f"/api/explain/ann/{other}?language=zh-CN").json() for other in known.ids[:30]
    ]
    worded = [explanation for explanation in explanations if explanation["Text"]]
    assert worded
    for explanation in worded:
        assert explanation["Text"].startswith("因为“Ignore all”：")
        assert explanation["History"][0]["Share"] > 0
    assert client.get(f"/api/explain/ann/{known.ids[4]}?language={'x' * 99}").status_code == 400


def test_explanations_of_items_without_a_score(client: TestClient) -> None:
    client.post("/api/item", json={"ItemId": "bare"})
    assert "popularity alone" in client.get("/api/explain/ann/bare").json()["Reason"]
    assert client.get("/api/explain/ann/nothing").status_code == 404
