"""Work is bounded before it is done, and nobody waits for somebody else's large request."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import HTTPException
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from polyrec.dashboard import mount
from polyrec.serve.api import bodies, streams
from polyrec.serve.app import create_app
from polyrec.serve.middleware.access import Access
from polyrec.serve.middleware.query import set_query
from polyrec.serve.middleware.rate_limiter import RateLimiter
from polyrec.serve.middleware.request_limits import RequestLimits
from polyrec.serve.settings import Settings

JSON = {"Content-Type": "application/json"}
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(st.lists(values, max_size=4), st.sampled_from([None, 1]), st.data())
def test_a_list_is_parsed_row_by_row_as_in_one_go(
    rows: list, indent: int | None, data: st.DataObject
) -> None:
    text = json.dumps(rows, indent=indent)
    assert list(bodies._array(text)) == rows
    cut = data.draw(st.integers(0, len(text) - 1))
    for broken in (text[:cut] + text[cut + 1 :], text[:cut], text + text[cut:]):
        try:
            expected = json.loads(broken)
        except json.JSONDecodeError:
            expected = None
        if isinstance(expected, list):
            assert list(bodies._array(broken)) == expected
        else:
            with pytest.raises((json.JSONDecodeError, bodies.RequestValidationError)):
                list(bodies._array(broken))


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/feedback", b"[" + b"[]," * 1_000_000 + b"0]", 413),
        ("POST", "/api/recommend", b'{"Exclude": [' + b'"a",' * 1_000_000 + b'"a"]}', 413),
        ("POST", "/api/item", b'{"ItemId": "a", "Labels": [' + b"[]," * 700_000 + b"0]}", 413),
        ("POST", "/api/users", json.dumps([{"UserId": "a"}] * 100_001).encode(), 400),
        ("POST", "/api/session/recommend", json.dumps([{"ItemId": "a"}] * 10_001).encode(), 400),
        ("POST", "/dashboard/login", b"key=" + b"a" * 20_000, 413),
    ],
)
def test_bodies_that_would_take_much_memory_are_refused(
    client: TestClient, method: str, path: str, body: bytes, status: int
) -> None:
    answer = client.request(method, path, content=body, headers=JSON)
    assert answer.status_code == status, answer.text
    assert len(answer.content) < 500


@pytest.mark.parametrize(
    "fields",
    [
        {"Users": ["a"] * 1_000, "N": 101},
        {"Users": ["a"] * 11, "N": 1, "Offset": 9_999},
        {"Users": ["a"], "N": 1_001, "Diversity": 0.1},
    ],
)
def test_batches_that_would_take_long_are_refused(client: TestClient, fields: dict) -> None:
    answer = client.post("/api/recommend", json=fields)
    assert answer.status_code == 400
    assert "at most" in answer.json()["remedy"]


def test_a_large_answer_is_written_in_slices(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, like: Callable
) -> None:
    like("ann", *(f"i{number:04d}" for number in range(20)))
    batch = {"Users": ["ann", "u0001"], "Histories": [["i0003"]], "N": 30, "Exclude": ["i0009"]}

    def answers() -> list[object]:
        paths = ("users?n=100", "items?n=59", "items?n=60", "feedback?n=25", "feedback/like?n=9",
                 "user/ann/feedback", "user/nobody/feedback", "item/i0003/feedback")  # fmt: skip
        listings = [client.get(f"/api/{path}").json() for path in paths]
        return [client.post("/api/recommend", json=batch).json(), *listings]

    whole = answers()
    monkeypatch.setattr(streams, "_SLICE_BYTES", 50)
    monkeypatch.setattr(streams, "STEP_ROWS", 7)
    assert answers() == whole
    answer = client.post("/api/recommend", json=batch)
    assert "content-length" not in answer.headers  # it was streamed
    assert "i0009" not in answer.text


def test_long_lists_are_made_in_the_slots(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = client.app.state.service.compute_limit
    runs: list[object] = []
    run = limit.run

    async def counted(work: Callable[[], object]) -> object:
        runs.append(work)
        return await run(work)

    monkeypatch.setattr(limit, "run", counted)
    paths = ("recommend/ann", "latest", "popular", "item/i0003/neighbors")
    for path in paths:
        assert client.get(f"/api/{path}?n=3").status_code == 200
    assert runs == []
    for path in paths:
        assert client.get(f"/api/{path}?n=3&offset=1000").status_code == 200
    assert len(runs) == len(paths)


def test_much_that_was_written_is_applied_beside_the_event_loop(client: TestClient) -> None:
    client.app.state.service.model_updater.close()  # it would apply some of it
    live = client.app.state.service.live
    items = [f"i{number:04d}" for number in range(60)]
    events = [
        {"FeedbackType": f"k{kind}", "UserId": "ann", "ItemId": item}
        for kind in range(5)
        for item in items
    ]
    assert client.post("/api/feedback", json=events).status_code == 200
    assert not live.catch_up_briefly()
    assert client.get("/api/recommend/ann?n=60").json() == []
    assert live.catch_up_briefly()


def test_health_is_never_refused(settings: Settings) -> None:
    full = replace(settings, max_requests=0)
    with TestClient(create_app(full)) as client:
        assert client.get("/api/users").status_code == 503
        assert client.get("/api/health/ready").status_code == 200
        assert client.head("/api/health/live").status_code == 200


def run_with_slow_body(middleware: Callable[[object], object], **scope: object) -> list[dict]:
    """Send a request whose body has not arrived, then another one; return the second's messages."""

    async def run() -> list[dict]:
        sent: list[dict] = []
        more = asyncio.Event()

        async def app(scope: dict, receive: Callable[[], Awaitable], send: Callable) -> None:
            while (await receive()).get("more_body"):
                pass
            await send({"type": "http.response.start", "status": 200, "headers": []})

        async def slow() -> dict:
            await more.wait()
            return {"type": "http.request", "body": b"", "more_body": False}

        async def at_once() -> dict:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def keep(message: dict) -> None:
            sent.append(message)

        request = {"type": "http", "method": "POST", "path": "/api/feedback", "headers": [],
                   "query_string": b"", "client": ("10.0.0.1", 1), **scope}  # fmt: skip
        set_query(request)
        wrapped = middleware(app)
        waiting = asyncio.create_task(wrapped({**request}, slow, lambda _: asyncio.sleep(0)))
        await asyncio.sleep(0)
        await wrapped({**request}, at_once, keep)
        more.set()
        await waiting
        return sent

    return asyncio.run(run())


def test_a_request_that_waits_for_its_body_is_not_counted() -> None:
    settings = Settings(Path("b"), max_requests=1, max_requests_per_address=1)
    messages = run_with_slow_body(lambda app: Access(app, settings, RateLimiter()))
    assert messages[0]["status"] == 200


def test_one_address_can_not_take_all_places() -> None:
    settings = Settings(Path("b"), max_requests=4, max_requests_per_address=2)
    access = Access(None, settings, RateLimiter())
    access._count("10.0.0.1", 2)
    assert access._check_load("10.0.0.1") is not None
    assert access._check_load("10.0.0.2") is None
    access._count("10.0.0.2", 2)
    assert access._check_load("10.0.0.3") is not None


def test_large_bodies_share_a_budget_and_small_ones_do_not() -> None:
    limits = RequestLimits(None, Settings(Path("b"), max_held_mb=3))
    limits.hold(2 * 2**20)
    with pytest.raises(HTTPException) as refused:
        limits.hold(2 * 2**20)
    assert refused.value.status_code == 503
    assert refused.value.headers["Retry-After"] == "1"


def test_held_bytes_are_given_back(client: TestClient) -> None:
    limits = client.app.middleware_stack
    while not isinstance(limits, RequestLimits):
        limits = getattr(limits, "app", None) or limits._app
    large = json.dumps([{"UserId": f"u{i:06d}", "Comment": "x" * 200} for i in range(8_000)])
    assert client.post("/api/users", content=large, headers=JSON).status_code == 200
    assert limits._held == 0


def test_the_login_form_has_a_short_time(settings: Settings) -> None:
    app = mount(create_app(settings))
    limit = RequestLimits(app, settings)._limit("/dashboard/login")
    assert (limit.size, limit.seconds) == (16_384, 10)
    assert RequestLimits(app, settings)._limit("/api/item/a%1fb/media/image").size == 64 * 2**20
