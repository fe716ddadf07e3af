"""Our own routes refuse unknown fields with the nearest known one; Gorse's ignore them."""

import pytest
from fastapi.testclient import TestClient


@pytest.mark.parametrize(
    ("path", "body", "what", "received", "remedy"),
    [
        ("/api/recommend", {"Users": ["u"], "Diversty": 0.3}, "body", "Diversty",
         "did you mean 'Diversity'?"),
        ("/api/recommend", {"Users": ["u"], "users": ["u"]}, "body", "users",
         "did you mean 'Users'?"),
        ("/api/recommend", {"Context": {"Item": ["i"]}}, "body.Context", "Item",
         "did you mean 'Items'?"),
        ("/api/recommend", {"Ranges": {"price": {"max": 3}}}, "body.Ranges.price", "max",
         "did you mean 'Max'?"),
        ("/api/search", {"Text": "sea", "Category": ["film"]}, "body", "Category",
         "did you mean 'Categories'?"),
        ("/api/search", {"Text": "sea", "x" * 10**6: 1}, "body", "x" * 64, None),
    ],
)  # fmt: skip
def test_our_own_routes_name_the_unknown_field(
    client: TestClient, path: str, body: dict, what: str, received: str, remedy: str | None
) -> None:
    answer = client.post(path, json=body)
    problem = answer.json()
    assert answer.status_code == 400
    assert (problem["what"], problem["received"]) == (f"{what} has an unknown field", received)
    assert remedy in (None, problem["remedy"])


def test_gorses_routes_ignore_them(client: TestClient) -> None:
    for method, path, body in (
        ("POST", "/api/user", {"UserId": "u", "Subscribe": []}),
        ("PATCH", "/api/user/u", {"Subscribe": []}),
        ("POST", "/api/item", {"ItemId": "i", "Status": "live", "Other": 1}),
        ("PATCH", "/api/item/i", {"Other": 1}),
        ("POST", "/api/feedback", [{"FeedbackType": "like", "UserId": "u", "ItemId": "i",
                                    "Updated": "2026-01-01"}]),
        ("POST", "/api/session/recommend", [{"ItemId": "i0003", "Other": 1}]),
    ):  # fmt: skip
        assert client.request(method, path, json=body).status_code == 200, path
    item = client.get("/api/item/i").json()
    assert client.post("/api/item", json=item).status_code == 200


def test_erased_counts_only_whom_the_model_knows(client: TestClient) -> None:
    def erased() -> int:
        return client.get("/api/model").json()["Erased"]

    for user in ("nobody", "a-guest"):
        client.delete(f"/api/user/{user}")
    assert erased() == 0
    for _ in range(2):
        client.delete("/api/user/u0003")
    assert erased() == 1
    assert "polyrec_model_erased_users 1.0" in client.get("/metrics").text


def test_later_sources_score_lower_also_in_a_diverse_list(client: TestClient) -> None:
    for number in range(5):
        client.post("/api/item", json={"ItemId": f"fresh-{number}"})
    body = {"Histories": [["i0003"]], "N": 100, "Diversity": 0.9}
    (result,) = client.post("/api/recommend", json=body).json()["Results"]
    scores = {"session": [], "popular": []}
    for item in result["Items"]:
        scores[item["Source"]].append(item["Score"])
    assert len(scores["popular"]) >= 5
    assert min(scores["session"]) > max(scores["popular"])
