"""The Host header: one at most, and one that is allowed."""

from dataclasses import replace

from fastapi.testclient import TestClient

from polyrec.serve.app import create_app
from polyrec.serve.settings import Settings


def test_two_hosts_are_refused(client: TestClient) -> None:
    headers = [("Host", "localhost"), ("Host", "evil.example")]
    answer = client.get("/api/popular", headers=headers)
    assert answer.status_code == 400
    assert answer.json()["what"] == "the request has several Host headers"
    assert answer.headers["x-content-type-options"] == "nosniff"


HOSTS = [
    ("localhost", 200),
    ("LOCALHOST:8087", 200),
    ("127.0.0.1:80", 200),
    ("[::1]", 200),
    ("[::1]:8087", 200),
    ("", 400),
    ("evil.example", 400),
    ("localhost.evil.example:8087", 400),
    ("localhost:80@evil.example", 400),
    ("[::1].evil.example", 400),
]


def test_only_allowed_names_are_answered(settings: Settings) -> None:
    named = replace(settings, allowed_hosts=("localhost", "127.0.0.1", "[::1]"))
    with TestClient(create_app(named)) as client:
        for host, status in HOSTS:
            answer = client.get("/api/health/live", headers={"Host": host})
            assert answer.status_code == status, host
            if status == 400:
                problem = answer.json()
                assert problem["what"] == "this name of the service is not allowed"
                assert problem["received"] == host
