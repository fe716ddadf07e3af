"""The database goes away for a while, and comes back."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from polyrec.serve.app import create_app
from polyrec.serve.settings import Settings


def test_an_outage_is_a_clean_503_and_then_all_is_well(
    bundle_folder: Path, postgres, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(bundle_folder, database=postgres.database("outage"))
    event = [{"FeedbackType": "like", "UserId": "ann", "ItemId": "i0003"}]
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        assert client.post("/api/feedback", json=event).status_code == 200
        before = client.get("/api/recommend/ann").json()
        postgres.stop()
        try:
            for answer in (
                client.get("/api/recommend/ann"),
                client.get("/api/user/ann"),
                client.post("/api/feedback", json=[{**event[0], "ItemId": "i0009"}]),
            ):
                assert answer.status_code == 503
                assert answer.json()["what"] == "the database does not answer"
                assert answer.headers["Retry-After"] == "1"
            ready = client.get("/api/health/ready")
            assert ready.status_code == 503
            assert "does not answer" in ready.json()["DataStoreError"]
            assert client.get("/api/health/live").status_code == 200
        finally:
            postgres.start()
        assert client.get("/api/health/ready").status_code == 200
        assert client.get("/api/recommend/ann").json() == before
        assert client.post("/api/feedback", json=event).status_code == 200
        stored = client.get("/api/user/ann/feedback").json()
        assert [f["ItemId"] for f in stored] == ["i0003"]
    messages = [r.getMessage() for r in caplog.records if "does not answer" in r.getMessage()]
    assert messages
    assert "'ann'" not in caplog.text
    assert "\n" not in "".join(messages)
