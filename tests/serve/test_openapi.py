"""The OpenAPI document describes what the service does."""

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

DOCS = Path(__file__).parents[2] / "docs" / "serving.md"
GORSE = {
    "/health/live": {"get"},
    "/health/ready": {"get"},
    "/user": {"post"},
    "/user/{user_id}": {"get", "patch", "delete"},
    "/users": {"get", "post"},
    "/item": {"post"},
    "/item/{item_id}": {"get", "patch", "delete"},
    "/items": {"get", "post"},
    "/item/{item_id}/category/{category}": {"put", "delete"},
    "/feedback": {"get", "post", "put"},
    "/feedback/{feedback_type}": {"get"},
    "/feedback/{user_id}/{item_id}": {"get", "delete"},
    "/feedback/{feedback_type}/{user_id}/{item_id}": {"get", "delete"},
    "/user/{user_id}/feedback": {"get"},
    "/user/{user_id}/feedback/{feedback_type}": {"get"},
    "/item/{item_id}/feedback": {"get"},
    "/item/{item_id}/feedback/{feedback_type}": {"get"},
    "/recommend/{user_id}": {"get"},
    "/recommend/{user_id}/{category}": {"get"},
    "/session/recommend": {"post"},
    "/session/recommend/{category}": {"post"},
    "/latest": {"get"},
    "/latest/{category}": {"get"},
    "/popular": {"get"},
    "/popular/{category}": {"get"},
    "/non-personalized/{name}": {"get"},
    "/item/{item_id}/neighbors": {"get"},
    "/item/{item_id}/neighbors/{category}": {"get"},
    "/user/{user_id}/neighbors": {"get"},
    "/item-to-item/{name}/{item_id}": {"get"},
    "/user-to-user/{name}/{user_id}": {"get"},
    "/collaborative-filtering/{user_id}": {"get"},
    "/intermediate/recommend/{user_id}": {"get"},
    "/bulk/{kind}": {"get", "post"},
    "/dump": {"get"},
    "/restore": {"post"},
    "/purge": {"post"},
}


@pytest.fixture
def document(client: TestClient) -> dict:
    return client.get("/openapi.json").json()


def test_all_routes_of_gorse_exist(document: dict) -> None:
    for path, methods in GORSE.items():
        assert methods <= set(document["paths"][f"/api{path}"]), path


def test_every_operation_has_a_description_and_its_errors(document: dict) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["description"], (method, path)
            assert "422" not in operation["responses"]
            for status in ("400", "404", "413", "503"):
                content = operation["responses"][status]["content"]["application/json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_examples_of_bodies_are_accepted(client: TestClient, document: dict) -> None:
    schemas = document["components"]["schemas"]
    for name, path, many in (("UserBody", "user", False), ("UserBody", "users", True),
                             ("ItemBody", "item", False), ("FeedbackBody", "feedback", True),
                             ("SessionBody", "session/recommend", True),
                             ("BatchQuery", "recommend", False)):  # fmt: skip
        (example,) = schemas[name]["examples"]
        answer = client.post(f"/api/{path}", json=[example] if many else example)
        assert answer.status_code == 200, answer.text


def test_commands_of_the_docs_succeed(client: TestClient, jpeg: bytes) -> None:
    """Every curl of docs/serving.md is sent, in its order."""
    commands = re.findall(r"^curl (.*?)$", DOCS.read_text().replace("\\\n", " "), re.MULTILINE)
    assert len(commands) >= 10
    for line in commands:
        method = (re.search(r"-X (\w+)", line) or ["", "GET"])[1]
        path = re.search(r"localhost:8087(\S+?)'?(\s|$)", line)[1]
        body = re.search(r"-d '(.*?)'(\s|$)", line)
        sent = jpeg if "--data-binary" in line else body and body[1]
        answer = client.request(method, path, content=sent,
                                headers={"Content-Type": "application/json"})  # fmt: skip
        assert answer.status_code == 200, (line, answer.text)
