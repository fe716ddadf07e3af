"""Users, items and feedback, as Gorse's clients know them."""

from fastapi.testclient import TestClient


def test_a_user_is_inserted_changed_listed_and_deleted(client: TestClient) -> None:
    user = {"UserId": "ann", "Labels": {"age": 30}, "Comment": "new"}
    assert client.post("/api/user", json=user).json() == {"RowAffected": 1}
    assert client.get("/api/user/ann").json() == user
    assert client.patch("/api/user/ann", json={"Comment": "old"}).json() == {"RowAffected": 1}
    assert client.get("/api/user/ann").json() == {**user, "Comment": "old"}
    assert client.post("/api/users", json=[{"UserId": "ann"}, {"UserId": "bob"}]).json() == {
        "RowAffected": 2
    }
    assert client.get("/api/user/ann").json() == {"UserId": "ann", "Labels": None, "Comment": ""}
    assert client.delete("/api/user/ann").json() == {"RowAffected": 1}
    assert client.get("/api/user/ann").status_code == 404
    assert client.delete("/api/user/ann").json() == {"RowAffected": 0}
    assert client.patch("/api/user/ann", json={"Comment": "x"}).json() == {"RowAffected": 0}
