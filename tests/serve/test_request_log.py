"""Request ids, metrics and log lines; never a secret or a user's name."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from polyrec.serve.middleware.logs import configure_logging


def metrics(client: TestClient) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def test_metrics_count_requests(client: TestClient, like: Callable) -> None:
    before = metrics(client)
    like("new", "i0001")
    client.get("/api/recommend/new")
    client.get("/api/recommend/nobody")
    client.get("/api/item/none-such")
    client.get("/nowhere")
    after = metrics(client)

    def grown(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    route = 'method="GET",route="/api/recommend/{user_id}"'
    assert grown(f'polyrec_requests_total{{{route},status="200"}}') == 2
    assert grown(f"polyrec_request_seconds_count{{{route}}}") == 2
    unknown = 'polyrec_requests_total{method="GET",route="/api/item/{item_id}",status="404"}'
    assert grown(unknown) == 1
    assert grown('polyrec_requests_total{method="GET",route="none",status="404"}') == 1
    assert grown('polyrec_lists_total{source="user"}') == 1
    assert grown('polyrec_lists_total{source="popular"}') == 1
    assert after["polyrec_model_items"] == 60
    assert after['polyrec_items{status="live"}'] == 60
    assert grown("polyrec_log_sequence") == 1
    assert any(name.startswith("polyrec_model_info") for name in after)


def test_ids_with_slashes_count_under_their_route(client: TestClient) -> None:
    client.get("/api/user/a%2Fb")
    text = client.get("/metrics").text
    assert 'route="/api/user/{user_id}",status="404"' in text


def test_every_response_has_an_id_and_security_headers(client: TestClient) -> None:
    answer = client.get("/api/users", headers={"X-Request-Id": "abc-1"})
    assert answer.headers["X-Request-Id"] == "abc-1"
    other = client.get("/api/users", headers={"X-Request-Id": "a b\tc"})
    assert len(other.headers["X-Request-Id"]) == 16
    for name in ("X-Content-Type-Options", "X-Frame-Options", "Content-Security-Policy"):
        assert answer.headers[name]
    assert client.get("/nowhere").headers["X-Content-Type-Options"] == "nosniff"


def test_log_lines_have_routes_and_writes_but_no_user_and_no_secret(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "polyrec")
    client.get("/api/recommend/ann@example.org", headers={"X-API-Key": "pr_x_secret"})
    client.delete("/api/user/ann@example.org")
    client.get("/api/health/live")
    records = [vars(record) for record in caplog.records if record.name.startswith("polyrec.")]
    assert "ann@example.org" not in str(records)
    assert "secret" not in str(records)
    lines = [line for line in records if line["name"] == "polyrec.request"]
    assert [line["route"] for line in lines] == ["/api/recommend/{user_id}", "/api/user/{user_id}"]
    assert lines[0]["status"] == 200
    assert lines[0]["ms"] > 0
    (write,) = [line for line in records if line["name"] == "polyrec.audit"]
    assert len(write["subject"]["user"]) == 32  # a digest
    assert write["method"] == "DELETE"


def test_logs_are_json_lines() -> None:
    script = """
import logging
from polyrec.serve.middleware.logs import configure_logging
configure_logging("info")
logging.getLogger("polyrec.request").info("request", extra={"status": 200, "ms": 1.5})
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("other").exception("an error")
logging.getLogger("quiet").debug("below the level")
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    first, second = (json.loads(line) for line in ran.stderr.splitlines())
    assert first["event"] == "request"
    assert (first["status"], first["level"], first["logger"]) == (200, "info", "polyrec.request")
    assert "ZeroDivisionError" in second["exception"]
    assert callable(configure_logging)


def test_logs_on_a_terminal_are_lines_for_people_without_colours() -> None:
    script = """
import logging
from polyrec.serve.middleware.logs import configure_logging
configure_logging("info")
fields = {"method": "GET", "route": "/api/latest", "status": 200, "ms": 1.5, "key": None}
logging.getLogger("polyrec.request").info("request", extra=fields)
started = {"color_message": chr(27) + "[1mrunning" + chr(27) + "[0m"}
logging.getLogger("uvicorn.error").info("running on %s", "port 1", extra=started)
logging.getLogger("polyrec.serve").warning("slow", extra={"seconds": 3})
"""
    for is_terminal in (True, False):
        reader, writer = os.openpty() if is_terminal else os.pipe()
        subprocess.run([sys.executable, "-c", script], stderr=writer, check=True)
        text = os.read(reader, 10_000).decode()
        os.close(writer)
        os.close(reader)
        assert "\x1b" not in text
        assert "color_message" not in text
        lines = text.splitlines()
        assert lines[0].startswith("{") != is_terminal
        if is_terminal:
            assert [line[9:] for line in lines] == [
                "info    GET /api/latest 200 1.5 ms",
                "info    running on port 1",
                "warning slow seconds=3",
            ]
        else:
            assert [json.loads(line)["event"] for line in lines][1] == "running on port 1"


def test_the_docs_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for word in ("/api/recommend/{user_id}", "write-back-type", "FeedbackType"):
        assert word in page.text
    assert "<script" not in page.text
    assert "http://" not in page.text.replace("http://www.w3.org", "")
