"""Generated chains of requests, linked by what they send and return, never get a 5xx.

POLYREC_STATEFUL_CHAINS sets how many chains each key tries, which then differ from run to run, and
POLYREC_STATEFUL_DATABASE the URL of an empty database to try them on: a longer search by hand,
which --log-cli-level=INFO counts.
"""

import contextlib
import logging
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import FlakyStrategyDefinition

from polyrec.database import keys
from polyrec.database.database import Database
from polyrec.serve.app import create_app
from polyrec.serve.settings import Settings
from serve.test_schemathesis import CHECKS

schemathesis = pytest.importorskip("schemathesis")
from schemathesis.core.failures import FailureGroup  # noqa: E402

LOG = logging.getLogger(__name__)
BY_HAND = "POLYREC_STATEFUL_CHAINS" in os.environ
CHAINS = int(os.environ.get("POLYREC_STATEFUL_CHAINS", "5"))
ROUND = 5  # chains that learn from each other
STEPS = 12  # requests of a chain
SCOPES = {
    "read": ["read"],
    "write": ["read", "write"],
    "admin": ["admin"],
}
# what the requests and responses of an operation have that a later path may take
IN_PATH = {name: f"$request.path.{name}" for name in ("user_id", "item_id", "category", "modality")}
OF_FEEDBACK = {
    "user_id": "$request.body#/0/UserId",
    "item_id": "$request.body#/0/ItemId",
    "feedback_type": "$request.body#/0/FeedbackType",
}
VALUES = {
    "POST /api/item": {"item_id": "$request.body#/ItemId"},
    "POST /api/items": {"item_id": "$request.body#/0/ItemId"},
    "POST /api/users": {"user_id": "$request.body#/0/UserId"},
    "POST /api/feedback": OF_FEEDBACK,
    "PUT /api/feedback": OF_FEEDBACK,
    "GET /api/items": {"item_id": "$response.body#/Items/0/ItemId"},
    "GET /api/latest": {"item_id": "$response.body#/0/Id"},
    "GET /api/popular": {"item_id": "$response.body#/0/Id"},
    "GET /api/recommend/{user_id}": {"item_id": "$response.body#/0"},
    "PUT /api/item/{item_id}/category/{category}": {},
    "PUT /api/item/{item_id}/media/{modality}": {},
    "DELETE /api/item/{item_id}": {},
    "DELETE /api/user/{user_id}": {},
}


def with_links(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document with a link from each of `VALUES` to every path that takes some of them.

    Its times are of one form, so that most bodies are valid.
    """
    for schema in document["components"]["schemas"].values():
        if "Timestamp" in schema.get("properties", {}):
            schema["properties"]["Timestamp"] = {"type": "string", "format": "date-time"}
    operations = [
        (f"{method.upper()} {path}", path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    for name, path, source in operations:
        if name not in VALUES:
            continue
        values = {key: value for key, value in IN_PATH.items() if f"{{{key}}}" in path}
        values |= VALUES[name]
        links = source["responses"]["200"].setdefault("links", {})
        for target, target_path, operation in operations:
            taken = {key: value for key, value in values.items() if f"{{{key}}}" in target_path}
            if taken:
                parameters = {f"path.{key}": value for key, value in taken.items()}
                link = {"operationId": operation["operationId"], "parameters": parameters}
                links[target.replace("/", " ")] = link
    return document


class Served(NamedTuple):
    """A service, its OpenAPI document with links, and a key of each name in `SCOPES`."""

    app: FastAPI
    document: Any
    keys: dict[str, str]


@pytest.fixture(scope="module")
def served(bundle_folder: Path, imported: Path, tmp_path_factory) -> Iterator[Served]:
    path = tmp_path_factory.mktemp("stateful") / "service.sqlite"
    path.write_bytes(imported.read_bytes())
    url = os.environ.get("POLYREC_STATEFUL_DATABASE", f"sqlite:///{path}")
    database = Database.open(url)
    with database.write() as connection:
        made = {name: keys.create_key(connection, name, s)[1] for name, s in SCOPES.items()}
    database.close()
    settings = Settings(bundle_folder, url, require_keys=True, media=path.parent / "media")
    app = create_app(settings)
    with TestClient(app) as client:
        document = schemathesis.openapi.from_dict(with_links(client.get("/openapi.json").json()))
        document.app = app
        yield Served(app, document, made)


@pytest.mark.parametrize("name", SCOPES)
def test_chains_of_requests_get_no_server_error(served: Served, name: str) -> None:
    counts: Counter[int] = Counter()
    failures: list[str] = []

    class Chain(served.document.as_state_machine()):
        """Requests with the key; the values of each may come from an earlier response."""

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": {"X-API-Key": served.keys[name]}}

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            """Note a failure: the service keeps its state, so repeating a chain proves nothing."""
            counts[response.status_code] += 1
            request = f"{case.method} {case.formatted_path} {case.query} {case.body!r:.2000}"
            try:
                assert response.status_code < 500, f"{request}: {response.text}"
                case.validate_response(response, checks=CHECKS)
            except (AssertionError, FailureGroup) as error:
                failures.append(f"{request}: {error}")

    for number in range(0, CHAINS, ROUND):
        if not BY_HAND:
            seed(f"{name} {number}")(Chain)
        with contextlib.suppress(FlakyStrategyDefinition):  # a response differed: a new round
            Chain.run(
                settings=settings(
                    max_examples=ROUND,
                    stateful_step_count=STEPS,
                    database=None,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )
            )
    LOG.info("%s: %d requests, %s", name, counts.total(), dict(sorted(counts.items())))
    assert failures == []
    assert 401 not in counts
    assert counts[200]
    assert name != "admin" or 403 not in counts
