"""Keys, scopes, rate limits and load: what is refused, and how."""

import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from polyrec.database import keys
from polyrec.database.database import Database
from polyrec.serve.app import create_app
from polyrec.serve.middleware import access
from polyrec.serve.middleware.rate_limiter import RateLimiter
from polyrec.serve.settings import Settings, is_loopback


def test_keys_are_required_unless_bound_to_loopback() -> None:
    assert not Settings("b").requires_key
    assert Settings("b", host="0.0.0.0").requires_key
    assert Settings("b", host="shop.example").requires_key
    assert Settings("b", require_keys=True).requires_key
    assert not Settings("b", host="0.0.0.0", require_keys=False).requires_key
    assert [is_loopback(host) for host in ("127.0.0.2", "::1", "localhost", "10.0.0.1")] == [
        True, True, True, False,
    ]  # fmt: skip


def test_without_a_key_there_is_nothing_but_health_and_docs(guarded: TestClient) -> None:
    answer = guarded.get("/api/recommend/u0001")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["what"] == "an API key is required"
    assert guarded.get("/metrics").status_code == 401
    assert guarded.get("/api/health/ready").status_code == 200
    assert guarded.get("/docs").status_code == 200


@pytest.mark.parametrize("header", ["X-API-Key", "Authorization"])
def test_a_key_opens_what_its_scope_says(guarded: TestClient, key: Callable, header: str) -> None:
    text = key("read")
    sent = {header: text if header == "X-API-Key" else f"Bearer {text}"}
    assert guarded.get("/api/recommend/u0001", headers=sent).status_code == 200
    refused = guarded.post("/api/feedback", json=[], headers=sent)
    assert refused.status_code == 403
    assert refused.json()["what"] == "this key lacks the scope write"
    assert refused.json()["received"] == "a key with read"


def test_a_revoked_key_is_refused_a_second_later(
    guarded: TestClient, key: Callable, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(access.time, "monotonic", lambda: clock[0])
    sent = {"X-API-Key": key("read")}
    assert guarded.get("/api/users", headers=sent).status_code == 200
    database = Database.open(settings.database)
    with database.write() as connection:
        keys.revoke_key(connection, sent["X-API-Key"].split("_")[1])
    database.close()
    clock[0] += 1.01
    assert guarded.get("/api/users", headers=sent).status_code == 401


def test_a_key_beyond_its_rate_waits(
    guarded: TestClient, key: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(access.time, "monotonic", lambda: clock[0])
    sent = {"X-API-Key": key("read", per_second=2)}
    answers = [guarded.get("/api/users", headers=sent) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["Retry-After"] == "1"
    clock[0] += 0.5
    assert guarded.get("/api/users", headers=sent).status_code == 200


def test_guessing_keys_is_slowed_down(guarded: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access.time, "monotonic", lambda: 0.0)
    guesses = [guarded.get("/api/users", headers={"X-API-Key": f"pr_a_{i}"}) for i in range(6)]
    assert [guess.status_code for guess in guesses] == [401] * 5 + [429]


def test_requests_beyond_the_limit_of_a_worker_get_503(settings: Settings) -> None:
    with TestClient(create_app(replace(settings, max_requests=0))) as client:
        answer = client.get("/api/users")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"


def test_buckets_are_bounded_and_refill() -> None:
    limiter = RateLimiter()
    assert limiter.wait("a", per_second=0.5, now=0) == 0
    assert limiter.wait("a", per_second=0.5, now=1) == pytest.approx(1.0)
    assert limiter.wait("a", per_second=0.5, now=2) == 0
    for name in range(50_000):  # more than there is room for
        assert limiter.wait(str(name), per_second=1, now=3) == 0
    limiter.wait("b", per_second=1, now=4)
    limiter.give_back("b", per_second=1, now=4)
    assert [limiter.wait("b", per_second=1, now=4) for _ in range(2)] == [0, 1]


def take_tokens(file: Path, count: int, taken: "multiprocessing.Queue[int]") -> None:
    limiter = RateLimiter(file)
    taken.put(sum(limiter.wait("a", per_second=500, now=1.0) == 0 for _ in range(count)))


def test_buckets_are_shared_by_processes(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    taken = context.Queue()
    processes = [
        context.Process(target=take_tokens, args=(tmp_path / "rates", 400, taken)) for _ in range(3)
    ]
    for process in processes:
        process.start()
    assert sum(taken.get() for _ in processes) == 500
    for process in processes:
        process.join()


def test_rates_hold_over_all_workers(
    settings: Settings, key: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access.time, "monotonic", lambda: 10.0)
    guarded = replace(settings, require_keys=True, shared_folder=tmp_path)
    sent = {"X-API-Key": key("read", per_second=3)}
    with TestClient(create_app(guarded)) as first, TestClient(create_app(guarded)) as second:
        workers = [first, second] * 4
        rated = [worker.get("/api/users", headers=sent).status_code for worker in workers[:5]]
        guesses = [
            worker.get("/api/users", headers={"X-API-Key": f"pr_a_{i}"}).status_code
            for i, worker in enumerate(workers)
        ]
    assert rated == [200] * 3 + [429] * 2
    assert guesses == [401] * 5 + [429] * 3


def test_wrong_keys_cost_a_bounded_number_of_look_ups_and_valid_ones_go_on(
    guarded: TestClient, key: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(access.time, "monotonic", lambda: clock[0])
    looked_up: list[str] = []
    verify = keys.verify_key
    monkeypatch.setattr(
        access.keys, "verify_key", lambda c, text: looked_up.append(text) or verify(c, text)
    )
    limits = guarded.app.state.rate_limiter
    sent = {"X-API-Key": key("read")}
    assert guarded.get("/api/users", headers=sent).status_code == 200
    statuses = []
    for number in range(300):  # from as many addresses, which is a botnet or IPv6
        monkeypatch.setattr(access, "client_group", lambda _, number=number: f"10.0.0.{number}")
        guess = {"X-API-Key": f"pr_{number:08x}_guess"}
        statuses.append(guarded.get("/api/users", headers=guess).status_code)
    assert statuses == [401] * 50 + [429] * 250
    assert len(looked_up) == 51
    clock[0] += 1.01  # the valid key must be looked up again, and may
    limits.wait("look-ups of keys", per_second=50, now=clock[0] - 1)
    assert guarded.get("/api/users", headers=sent).status_code == 200
    guarded.get("/api/users", headers={"X-API-Key": "pr_a_" + "x" * 10_000})
    assert len(looked_up) == 52  # no such key can exist


def test_other_origins_are_refused_unless_configured(settings: Settings) -> None:
    sent = {"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}
    with TestClient(create_app(settings)) as client:
        assert "access-control-allow-origin" not in client.get("/api/users", headers=sent).headers
    named = replace(settings, cors_origins=("https://shop.example",), allowed_hosts=("127.0.0.1",))
    with TestClient(create_app(named), base_url="http://127.0.0.1") as client:
        answer = client.options("/api/users", headers=sent)
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        evil = client.get("/api/users", headers={"Host": "evil.example"})
        assert evil.status_code == 400
