"""Every invalid request gets its status and a body with what, received and remedy."""

import asyncio
import gzip
import json
import re
import shutil
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from polyrec.serve.api.timestamps import parse_duration, parse_timestamp
from polyrec.serve.app import create_app
from polyrec.serve.settings import Settings

FEEDBACK = {"FeedbackType": "like", "UserId": "ann", "ItemId": "x"}


@pytest.fixture(scope="module")
def door(bundle_folder, tmp_path_factory) -> Iterator[TestClient]:
    """Return a service that these tests share: nothing that they send may change it."""
    path = tmp_path_factory.mktemp("door") / "service.sqlite"
    settings = Settings(bundle_folder, database=f"sqlite:///{path}", max_body_mb=1)
    with TestClient(create_app(settings), raise_server_exceptions=False) as opened:
        before = everything(opened)
        yield opened
        assert everything(opened) == before


def everything(client: TestClient) -> list[dict]:
    return [client.get(f"/api/{name}?n=10000").json() for name in ("users", "items", "feedback")]


def refused(answer, status: int, what: str, remedy: str = "") -> None:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"what", "received", "remedy"}
    assert what in body["what"], body
    assert remedy in body["remedy"], body
    assert len(answer.content) < 2_000


LISTS = ("recommend/ann", "latest", "items", "users", "item/i0003/neighbors/", "user/ann/neighbors")


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("n", ["-1", "1.5", "ten", "10001", "99999999999999999999999", "٣", "1e3"])
def test_n_is_a_whole_number_that_is_not_too_large(door: TestClient, path: str, n: str) -> None:
    refused(door.get(f"/api/{path}", params={"n": n}), 400, "query.n")


@pytest.mark.parametrize("path", LISTS)
def test_n_of_nothing_is_an_empty_list(door: TestClient, path: str) -> None:
    answer = door.get(f"/api/{path}", params={"n": 0})
    assert answer.status_code == 200
    pages = {"items": "Items", "users": "Users"}
    assert (answer.json()[pages[path]] if path in pages else answer.json()) == []


@pytest.mark.parametrize(
    ("parameters", "what"),
    [
        ({"offset": "-1"}, "query.offset"),
        ({"offset": "1000001"}, "query.offset"),
        ({"write-back-delay": "10 minutes"}, "query.write-back-delay"),
        ({"write-back-delay": "-1m"}, "query.write-back-delay"),
        ({"write-back-delay": "9" * 30 + "h"}, "query.write-back-delay"),
        ({"write-back-type": "x" * 257}, "query.write-back-type"),
        ({"write-back-type": "a\tb"}, "query.write-back-type"),
        ({"write-back-type": "a\x00b"}, "the URL has a NUL character"),
        ({"category": ["c"] * 101}, "too many categories"),
    ],
)
def test_other_parameters_of_a_list(door: TestClient, parameters: dict, what: str) -> None:
    refused(door.get("/api/recommend/ann", params=parameters), 400, what)


def test_no_url_has_a_nul_and_no_path_a_control_character(door: TestClient) -> None:
    """PostgreSQL stores no NUL, and a route matches a path with a line feed at its end."""
    what = "the URL has a NUL character"
    for path, methods in door.app.openapi()["paths"].items():
        for method, operation in methods.items():
            for escape in ("%00", "%0A", "%1f", "%7F"):
                url = re.sub(r"{\w+}", "a", path) + escape
                refused(door.request(method, url), 400, "the path has a control character")
            for parameter in operation.get("parameters", ()):
                plain = re.sub(r"{\w+}", "i0003", path)
                refused(door.request(method, f"{plain}?{parameter['name']}=%00"), 400, what)
    refused(door.get("/dashboard/users?q=a%00"), 400, what)
    assert door.get("/api/recommend/a%2500b").status_code == 200  # a percent sign and two zeros


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"{", "the body is not valid JSON"),
        (b"", "body is required"),
        (b"[" * 100_000, "the body"),
        (b'[{"UserId": "\xff"}]', "the body can't be read"),
        (b"\xff\xfe", "the body is not valid JSON"),
        (gzip.compress(bytes(10**7)), "the body"),
        (b"null", "body"),
        (b"7", "body is invalid"),
        (b'{"a": 1}', "body is invalid"),
        (b"[null]", "body.0 is invalid"),
        (b'[{"UserId": "a"}]', "body.0.FeedbackType is required"),
        (json.dumps([{**FEEDBACK, "UserId": 7}]).encode(), "body.0.UserId is invalid"),
        (json.dumps([{**FEEDBACK, "UserId": ""}]).encode(), "body.0.UserId is invalid"),
        (json.dumps([{**FEEDBACK, "UserId": " "}]).encode(), "body.0.UserId is invalid"),
        (json.dumps([{**FEEDBACK, "UserId": "a\0b"}]).encode(), "body.0.UserId is invalid"),
        (json.dumps([{**FEEDBACK, "UserId": "x" * 257}]).encode(), "body.0.UserId is invalid"),
        (json.dumps([{**FEEDBACK, "ItemId": "\ud800"}]).encode(), "body.0.ItemId is invalid"),
        (json.dumps([{**FEEDBACK, "Value": "much"}]).encode(), "body.0.Value is invalid"),
        (json.dumps([{**FEEDBACK, "Value": float("nan")}]).encode(), "body.0.Value is invalid"),
        (json.dumps([{**FEEDBACK, "Value": 10**400}]).encode(), "body"),
        (json.dumps([{**FEEDBACK, "Comment": "a\0"}]).encode(), "body.0.Comment is invalid"),
        (json.dumps([{**FEEDBACK, "Timestamp": "soon"}]).encode(), "body.0.Timestamp"),
        (json.dumps([{**FEEDBACK, "Timestamp": 1e300}]).encode(), "body.0.Timestamp"),
        (json.dumps([{**FEEDBACK, "Timestamp": [1]}]).encode(), "body.0.Timestamp"),
        (json.dumps([{**FEEDBACK, "Timestamp": True}]).encode(), "body.0.Timestamp"),
        # one that is right and one that is wrong: neither is taken
        (json.dumps([FEEDBACK, {**FEEDBACK, "UserId": None}]).encode(), "body.1.UserId"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_body_that_makes_no_sense(door: TestClient, method: str, body: bytes, what: str) -> None:
    headers = {"Content-Type": "application/json"}
    refused(door.request(method, "/api/feedback", content=body, headers=headers), 400, what)


@pytest.mark.parametrize(
    ("path", "body", "what"),
    [
        ("/api/item", {"ItemId": "a", "Labels": "\ud800"}, "body.Labels is invalid"),
        ("/api/item", {"ItemId": "a", "Labels": {"n": 2**70}}, "body.Labels is invalid"),
        ("/api/item", {"ItemId": "a", "Labels": ["x" * 70_000]}, "body.Labels is invalid"),
        ("/api/item", {"ItemId": "a", "Categories": "film"}, "body.Categories is invalid"),
        ("/api/item", {"ItemId": "a", "Categories": [""]}, "body.Categories.0 is invalid"),
        ("/api/item", {"ItemId": "a", "IsHidden": "maybe"}, "body.IsHidden is invalid"),
        ("/api/item", {"ItemId": "a", "Comment": "x" * 70_000}, "body.Comment is invalid"),
        ("/api/item", {"Comment": "no id"}, "body.ItemId is required"),
        ("/api/user", [], "body is invalid"),
        ("/api/recommend", {"Users": "ann"}, "body.Users is invalid"),
        ("/api/recommend", {"N": -1}, "body.N is invalid"),
        ("/api/recommend", {"N": 10_001, "Users": ["a"]}, "query.n is too large"),
        ("/api/recommend", {"Diversity": 1.5}, "body.Diversity is invalid"),
        ("/api/recommend", {"Users": ["a"] * 1_001}, "too many lists"),
        ("/api/recommend", {"Ranges": {"price": {"Min": "low"}}}, "body.Ranges.price.Min"),
        ("/api/session/recommend", [{"UserId": "a"}], "body.0.ItemId is required"),
        ("/api/session/recommend", {}, "body is invalid"),
    ],
)
def test_bodies_of_other_routes(door: TestClient, path: str, body: object, what: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = door.post(path, content=json.dumps(body).encode(), headers=headers)
    refused(answer, 400, what)


def test_a_body_that_is_too_large_is_refused_before_it_is_read(door: TestClient) -> None:
    large = b" " * (2**20 + 1)
    refused(door.post("/api/feedback", content=large), 413, "the body is too large", "at most 1 MB")

    def pieces() -> Iterator[bytes]:  # sent without a length: counted as it comes
        for _ in range(40):
            yield b" " * 2**16

    headers = {"Content-Type": "application/json"}
    answer = door.post("/api/feedback", content=pieces(), headers=headers)
    refused(answer, 413, "the body is too large")


def test_a_body_that_comes_too_slowly_is_a_408(bundle_folder, imported, tmp_path) -> None:
    path = shutil.copy(imported, tmp_path / "service.sqlite")
    slow = Settings(bundle_folder, database=f"sqlite:///{path}", body_timeout_s=0.01)
    scope = {"type": "http", "method": "POST", "path": "/api/feedback", "query_string": b"",
             "raw_path": b"/api/feedback",
             "headers": [(b"content-length", b"9"), (b"content-type", b"application/json")],
             "client": ("127.0.0.1", 9), "http_version": "1.1"}  # fmt: skip
    sent: list[dict] = []

    async def receive() -> dict:
        await asyncio.Event().wait()  # a client that never goes on
        return {}

    async def send(message: dict) -> None:
        sent.append(message)

    with TestClient(create_app(slow)) as opened:
        opened.portal.call(opened.app, scope, receive, send)
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"]) == {
        "what": "the body arrived too slowly", "received": None, "remedy": "send it within 0.01 s"
    }  # fmt: skip


@pytest.mark.parametrize("cursor", ["x", "AAAA", "é", "a" * 5_000, "'; DROP TABLE users; --"])
@pytest.mark.parametrize("listing", ["users", "items", "feedback", "feedback/like"])
def test_an_invalid_cursor(door: TestClient, listing: str, cursor: str) -> None:
    answer = door.get(f"/api/{listing}", params={"cursor": cursor})
    refused(answer, 400, "cursor")


def test_a_cursor_that_was_changed_or_is_of_another_listing(door: TestClient) -> None:
    cursor = door.get("/api/users?n=1").json()["Cursor"]
    assert door.get("/api/users", params={"cursor": cursor}).status_code == 200
    changed = cursor[:-6] + ("A" if cursor[-6] != "A" else "B") + cursor[-5:]
    for path, sent in (("users", changed), ("items", cursor), ("feedback", cursor)):
        refused(
            door.get(f"/api/{path}", params={"cursor": sent}),
            400,
            "invalid cursor for this listing",
        )


@pytest.mark.parametrize(
    ("path", "status", "what"),
    [
        ("/api/user/nobody", 404, "unknown user"),
        ("/api/item/nothing", 404, "unknown item"),
        ("/api/item/..%2F..%2Fetc%2Fpasswd", 404, "unknown item"),
        ("/api/item/%2e%2e", 400, "path.item_id is invalid"),
        ("/api/feedback/like/nobody/nothing", 404, "no such feedback"),
        ("/api/non-personalized/populr", 404, "no such list"),
        ("/api/item/i0003/neighbors?view=smell", 404, "no such view"),
        ("/api/nowhere", 404, "no such route"),
        ("/etc/passwd", 404, "no such route"),
        ("/api/user/a/b/c/d", 404, "no such route"),
        ("/api/user/%ff", 400, "the URL is not UTF-8"),
        ("/api/latest?category=%ff", 400, "the URL is not UTF-8"),
        ("/api/user/%00", 400, "the path has a control character"),
        ("/api/user/" + "x" * 257, 400, "path.user_id is invalid"),
    ],
)
def test_paths_that_lead_nowhere(door: TestClient, path: str, status: int, what: str) -> None:
    refused(door.get(path), status, what)


def test_another_method_is_a_405(door: TestClient) -> None:
    refused(door.put("/api/latest"), 405, "this route does not allow the method")


def test_a_remedy_names_the_nearest(door: TestClient) -> None:
    body = door.get("/api/non-personalized/populr").json()
    assert body["remedy"] == "did you mean 'popular'?"


@pytest.mark.parametrize("value", ["tomorrow", "2026-13-01", "10000-01-01", {}, True, 1e30])
def test_invalid_timestamps(value: object) -> None:
    with pytest.raises((ValueError, OverflowError)):
        parse_timestamp(value)


@pytest.mark.parametrize("value", [None, "", "0001-01-01T00:00:00Z"])
def test_missing_timestamps(value: object) -> None:
    assert parse_timestamp(value) is None


def test_timestamps_and_durations_in_the_formats_of_clients() -> None:
    second = 1645660800 * 1_000_000
    for value in ("2022-02-24", "2022/02/24", "2022-02-24 00:00:00", "2022-02-24T00:00:00Z",
                  "2022-02-24T00:00:00.000Z", "2022-02-24T01:00:00+01:00", 1645660800,
                  "1645660800", 1645660800000, "1645660800000"):  # fmt: skip
        assert parse_timestamp(value) == second, value
    assert parse_duration("90s") == parse_duration("1m30s") == 90_000_000
    assert parse_duration("1.5h") == 5_400_000_000
    for wrong in ("1", "h", "1 h", "1d", "--"):
        with pytest.raises(ValueError, match="a duration"):
            parse_duration(wrong)


def test_an_internal_error_is_a_500_without_its_traceback(door: TestClient, monkeypatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret of the inside")

    monkeypatch.setattr("polyrec.serve.api.routes.recommend.recommend", broken)
    answer = door.get("/api/recommend/ann")
    refused(answer, 500, "internal error")
    assert "secret" not in answer.text
