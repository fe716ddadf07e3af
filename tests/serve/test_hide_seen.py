"""What a person has feedback on is left out of their lists, as settings and requests say."""

from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from polyrec.serve.app import create_app
from polyrec.serve.settings import Settings


@pytest.fixture
def client(plain: TestClient) -> TestClient:
    """Return a service where ann viewed m30, liked m31, and liked and viewed m32."""
    feedback = [
        {"FeedbackType": kind, "UserId": "ann", "ItemId": item}
        for kind, item in (("view", "m30"), ("like", "m31"), ("view", "m32"), ("like", "m32"))
    ]
    assert plain.post("/api/feedback", json=feedback).status_code == 200
    return plain


SEEN = {"m30", "m31", "m32"}
CASES = [
    ("", set()),
    ("hide-seen=true", set()),
    ("hide-seen=false", SEEN),
    ("hiding-kind=like", {"m30"}),
    ("hiding-kind=view", {"m31"}),
    ("hiding-kind=view&hiding-kind=like", set()),
    ("hiding-kind=buy", SEEN),
]
ROUTES = [
    "recommend/ann?n=40",
    "popular?n=40&user-id=ann",
    "latest?n=40&user-id=ann",
    "non-personalized/popular?n=40&user-id=ann",
    "item/m20/neighbors?n=40&user-id=ann",
    "item-to-item/neighbors/m20?n=40&user-id=ann",
]


def shown(answer: list) -> set[str]:
    return {row if isinstance(row, str) else row["Id"] for row in answer} & SEEN


@pytest.mark.parametrize(("query", "expected"), CASES)
def test_every_list_of_a_user(client: TestClient, query: str, expected: set[str]) -> None:
    for route in ROUTES:
        assert shown(client.get(f"/api/{route}&{query}").json()) == expected, route
    words = dict(pair.split("=") for pair in query.split("&")) if query else {}
    body = {"Users": ["ann"], "N": 40}
    if "hide-seen" in words:
        body["HideSeen"] = words["hide-seen"] == "true"
    if "hiding-kind" in words:
        body["HidingKinds"] = [part.partition("=")[2] for part in query.split("&")]
    (result,) = client.post("/api/recommend", json=body).json()["Results"]
    assert shown(result["Items"]) == expected
    session = [
        {"FeedbackType": kind, "ItemId": item}
        for kind, item in (("view", "m30"), ("like", "m31"), ("view", "m32"), ("like", "m32"))
    ]
    answer = client.post(f"/api/session/recommend?n=40&{query}", json=session)
    assert shown(answer.json()) == expected


def test_events_without_a_type_always_hide(client: TestClient) -> None:
    answer = client.post("/api/session/recommend?n=40&hiding-kind=like", json=[{"ItemId": "m30"}])
    assert "m30" not in shown(answer.json())
    body = {"Histories": [["m30"]], "N": 40, "HidingKinds": ["like"]}
    (result,) = client.post("/api/recommend", json=body).json()["Results"]
    assert "m30" not in shown(result["Items"])


@pytest.mark.parametrize(
    "query", ["hide-seen=perhaps", "hiding-kind=", "hiding-kind=a%09b", "user-id=a%09b"]
)
def test_wrong_values_are_refused(client: TestClient, query: str) -> None:
    for route in ROUTES[query.startswith("user") :]:  # the first has its user in the path
        assert client.get(f"/api/{route}&{query}").status_code == 400, route


def test_a_search_hides_what_was_seen_if_it_is_to(client: TestClient) -> None:
    client.post("/api/items", json=[{"ItemId": item, "Comment": "lamp"} for item in sorted(SEEN)])
    for hiding, expected in (
        ({}, SEEN),
        ({"HideSeen": False}, SEEN),
        ({"HideSeen": True}, set()),
        ({"HideSeen": True, "HidingKinds": ["like"]}, {"m30"}),
    ):
        for user, shown_items in (("ann", expected), ("bob", SEEN)):
            body = {"Text": "lamp", "UserId": user, "N": 40, **hiding}
            answer = client.post("/api/search", json=body)
            assert shown(answer.json()["Items"]) == shown_items, body
    answer = client.post("/api/search", json={"Text": "lamp", "HideSeen": True})
    assert answer.status_code == 400
    assert answer.json()["what"] == "HideSeen needs a UserId"


def test_settings_are_the_default(client: TestClient, plain_folder: Path, tmp_path: Path) -> None:
    settings = Settings(plain_folder, database=f"sqlite:///{tmp_path / 'plain.sqlite'}")
    for changes, expected in (
        ({"hide_seen": False}, SEEN),
        ({"hiding_kinds": ("like",)}, {"m30"}),
    ):
        with TestClient(create_app(replace(settings, **changes))) as opened:
            for route in ROUTES:
                assert shown(opened.get(f"/api/{route}").json()) == expected
                assert shown(opened.get(f"/api/{route}&hide-seen=true&hiding-kind=like&"
                                        "hiding-kind=view").json()) == set()  # fmt: skip
