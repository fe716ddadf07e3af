"""What a key may do, and what a page of another site may not, whatever the spelling."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from fastapi import Request
from fastapi.testclient import TestClient
from hypothesis import example, given
from hypothesis import strategies as st

from polyrec.serve.api.list_params import ListParams
from polyrec.serve.app import create_app
from polyrec.serve.middleware.cross_site import is_cross_site
from polyrec.serve.middleware.query import query_params, set_query
from polyrec.serve.middleware.scopes import required_scope
from polyrec.serve.settings import Settings

SPELLINGS = (
    "write-back-type=like",
    "write%2Dback-type=like",
    "%77rite-back%2dtype=like",
    "write-back-type=&write-back-type=like",
    "n=3&write-back-type=%6Cike",
)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/api/users", "read"),
        ("HEAD", "/api/users", "read"),
        ("GET", "/api/items", "read"),
        ("GET", "/api/feedback", "read"),
        ("GET", "/api/user/u/neighbors", "read"),
        ("GET", "/api/explain/u/i", "read"),
        ("GET", "/api/recommend/u", "recommend"),
        ("GET", "/api/recommend/u/film", "recommend"),
        ("GET", "/api/collaborative-filtering/u", "recommend"),
        ("GET", "/api/intermediate/recommend/u/film", "recommend"),
        ("GET", "/api/item-to-item/neighbors/i", "recommend"),
        ("GET", "/api/user-to-user/neighbors/u", "read"),
        ("GET", "/api/latest", "recommend"),
        ("GET", "/api/non-personalized/popular", "recommend"),
        ("GET", "/api/item/i/neighbors/", "recommend"),
        ("POST", "/api/session/recommend/film", "recommend"),
        ("POST", "/api/recommend", "read"),
        ("POST", "/api/search", "read"),
        ("POST", "/api/chat", "read"),
        ("POST", "/api/item", "write"),
        ("PUT", "/api/recommend", "write"),
        ("DELETE", "/api/user/u", "write"),
        ("GET", "/api/model", "read"),
        ("POST", "/api/model/rollback", "admin"),
        ("GET", "/api/keys", "admin"),
        ("GET", "/api/dump", "admin"),
        ("GET", "/metrics", "read"),
    ],
)
def test_each_route_has_its_scope(method: str, path: str, scope: str) -> None:
    assert required_scope(method, path, {}) == scope


def spelled(draw: st.DrawFn, text: str) -> str:
    """Return a text with some of its characters percent-encoded."""
    escapes = draw(st.lists(st.sampled_from(["", "%02x", "%02X"]), min_size=len(text)))
    return "".join(e % ord(c) if e else c for c, e in zip(text, escapes, strict=False))


@st.composite
def queries(draw: st.DrawFn) -> str:
    names = st.sampled_from(["write-back-type", "write-back", "Write-Back-Type", "n", "offset"])
    values = st.sampled_from(["", "3", "like", "a b", "=", "é"])
    pairs = draw(st.lists(st.tuples(names, values), max_size=4))
    separator = draw(st.sampled_from(["&", "&&", ";"]))
    return separator.join(f"{spelled(draw, n)}={spelled(draw, v)}" for n, v in pairs)


@given(queries())
@example("write-back-type=like;n=3")
def test_the_scope_follows_the_parameters_that_the_route_reads(query: str) -> None:
    scope = {"type": "http", "query_string": query.encode(), "headers": [], "method": "GET"}
    try:
        set_query(scope)
        params = ListParams.from_request(Request(scope), Settings("bundle"))
    except Exception as error:
        if isinstance(error, ValueError) or getattr(error, "status_code", 0) == 400:
            return  # refused before anything is written
        raise
    needs = required_scope("GET", "/api/recommend/ann", query_params(scope))
    assert (needs == "write") == bool(params.write_back)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_list_that_is_written_back_needs_write(
    guarded: TestClient, key: Callable, method: str
) -> None:
    reads, writes = ({"X-API-Key": key(scope)} for scope in ("read", "admin"))
    for query in SPELLINGS:
        answer = guarded.request(method, f"/api/recommend/ann?{query}", headers=reads)
        assert answer.status_code == 403, query
    assert guarded.get("/api/user/ann/feedback", headers=reads).json() == []
    path = f"/api/recommend/ann?{SPELLINGS[1]}"
    assert guarded.request(method, path, headers=writes).status_code == 200
    assert len(guarded.get("/api/user/ann/feedback", headers=reads).json()) == 10


def test_a_front_end_gets_lists_and_no_listings(guarded: TestClient, key: Callable) -> None:
    sent = {"X-API-Key": key("recommend")}
    for path in ("recommend/ann", "latest", "popular", "item/i0003/neighbors",
                 "collaborative-filtering/ann", "item-to-item/neighbors/i0003"):  # fmt: skip
        assert guarded.get(f"/api/{path}", headers=sent).status_code == 200, path
    answer = guarded.post("/api/session/recommend", json=[{"ItemId": "i0003"}], headers=sent)
    assert answer.status_code == 200
    for path in ("users", "items", "feedback", "user/u0001", "user/u0001/feedback",
                 "user/u0001/neighbors", "user-to-user/neighbors/u0001", "explain/u0001/i0003",
                 "model"):  # fmt: skip
        assert guarded.get(f"/api/{path}", headers=sent).status_code == 403, path
    assert guarded.post("/api/recommend", json={}, headers=sent).status_code == 403


CROSS_SITE = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://testserver:3000"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Referer": "https://evil.example/page"},
)
WRITES = (
    ("GET", "/api/recommend/ann?write-back-type=like", None),
    ("HEAD", "/api/recommend/ann?write%2Dback-type=like", None),
    ("POST", "/api/feedback", [{"FeedbackType": "like", "UserId": "ann", "ItemId": "i0003"}]),
    ("PUT", "/api/item/i0003/category/x", None),
    ("PATCH", "/api/item/i0003", {"IsHidden": True}),
    ("DELETE", "/api/user/u0001", None),
    ("POST", "/api/model/rollback", None),
    ("POST", "/api/search", {"Text": "costly"}),
)


def test_another_sites_page_changes_nothing(settings: Settings) -> None:
    named = replace(settings, cors_origins=("https://shop.example",))
    with TestClient(create_app(named)) as client:
        for method, path, body in WRITES:
            for headers in CROSS_SITE:
                answer = client.request(method, path, json=body, headers=headers)
                assert answer.status_code == 403, (method, path, headers)
        assert client.get("/api/user/ann/feedback").json() == []
        assert client.get("/api/user/u0001").status_code == 200
        assert client.get("/api/recommend/ann", headers=CROSS_SITE[0]).status_code == 200
        own = (
            {"Sec-Fetch-Site": "same-origin", "Origin": "http://testserver"},
            {"Origin": "http://testserver"},
            {"Origin": "https://shop.example", "Sec-Fetch-Site": "cross-site"},
            {},
        )
        for headers in own:
            method, path, body = WRITES[2]
            assert client.request(method, path, json=body, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("host", "origin", "crosses"),
    [
        ("localhost:8087", "http://localhost:8087", False),
        ("[::1]:8087", "http://[::1]:8087", False),
        ("rec.example", "https://rec.example", False),
        ("rec.example:443", "https://rec.example", False),
        ("localhost:8087", "http://localhost:3000", True),
        ("localhost:8087", "http://localhost:8087@evil.example", True),
        ("localhost:8087", "http://localhost:eighty", True),
        ("localhost:8087", "file://", True),
        ("", "http://localhost:8087", True),
    ],
)
def test_an_origin_is_compared_by_host_and_port(host: str, origin: str, crosses: bool) -> None:
    headers = [(b"host", host.encode()), (b"origin", origin.encode())]
    assert is_cross_site(headers, ()) is crosses


def test_head_answers_as_get_without_a_body(client: TestClient) -> None:
    for path in ("/api/health/live", "/api/recommend/ann", "/api/items", "/docs", "/api/nowhere"):
        head, get = client.head(path), client.get(path)
        assert head.status_code == get.status_code, path
        assert head.content == b""
        for name in ("content-type", "content-length"):
            assert head.headers[name] == get.headers[name], path


def test_too_many_parameters_are_refused(client: TestClient) -> None:
    answer = client.get("/api/recommend/ann?" + "a&" * 1_001)
    assert answer.status_code == 400
    assert answer.json()["what"] == "too many query parameters"
