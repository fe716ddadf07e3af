"""Who has no usable history gets what an empty history gets, and is told so."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from polyrec.artifact.bundle import Bundle

UNTAKEN = {f"m{item:02d}" for item in range(10)}
CASES = {
    "an item nobody took": [("like", "m03")],
    "seen, weight 0": [("view", "m30"), ("read", "m31")],
    "one dislike": [("dislike", "m30")],
    "unknown items": [("like", "nothing"), ("buy", "no-item")],
    "liked, then disliked": [("like", "m30"), ("dislike", "m30")],
}


def events(user: str, feedback: list[tuple[str, str]]) -> list[dict]:
    return [{"FeedbackType": kind, "UserId": user, "ItemId": item} for kind, item in feedback]


@pytest.mark.parametrize("case", CASES)
def test_every_list_for_a_person_is_the_popular_one(plain: TestClient, case: str) -> None:
    feedback = events("new", CASES[case])
    assert plain.post("/api/feedback", json=feedback).status_code == 200
    seen = {item for _, item in CASES[case]}
    popular = [pair["Id"] for pair in plain.get("/api/popular?n=12").json()]
    expected = [item for item in popular if item not in seen][:8]
    answer = plain.get("/api/recommend/new?n=8")
    assert answer.json() == expected
    assert not UNTAKEN & set(expected)
    assert answer.headers["X-Recommend-Source"] == "popular"
    session = plain.post("/api/session/recommend?n=8", json=feedback)
    assert [pair["Id"] for pair in session.json()] == expected
    assert session.headers["X-Recommend-Source"] == "popular"
    (result,) = plain.post("/api/recommend", json={"Users": ["new"], "N": 8}).json()["Results"]
    assert [item["Id"] for item in result["Items"]] == expected
    assert result["Sources"] == ["popular"]
    reasons = plain.get("/api/explain/new/m35").json()
    assert (reasons["History"], reasons["Sources"]) == ([], {})
    assert "popular" in reasons["Reason"]


def test_a_usable_history_is_answered_by_the_model(plain: TestClient) -> None:
    plain.post("/api/feedback", json=events("new", [("like", "m30"), ("like", "m03")]))
    assert plain.get("/api/recommend/new").headers["X-Recommend-Source"] == "user"
    assert plain.get("/api/explain/new/m35").json()["Reason"] == ""


def test_an_item_nobody_took_has_no_neighbours_by_the_model(plain: TestClient) -> None:
    answer = plain.get("/api/item/m03/neighbors")
    assert (answer.json(), answer.headers["X-Recommend-Source"]) == ([], "none")
    assert plain.get("/api/item/m30/neighbors").headers["X-Recommend-Source"] == "model"


def test_a_bundle_labels_its_lists(plain_folder: Path) -> None:
    bundle = Bundle.load(plain_folder)
    lists = bundle.recommend(histories=[["m03"], [], ["m30"]], k=8)
    assert lists.sources == ["popular", "popular", "history"]
    assert lists.ids[0] == lists.ids[1]
    assert not UNTAKEN & set(lists.ids[0])
    assert bundle.recommend(["u1"]).sources == ["history"]
