"""Generated requests, valid and not, are answered as the OpenAPI document says."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings

from polyrec.serve.app import create_app
from polyrec.serve.settings import Settings
from serve.test_media import picture

schemathesis = pytest.importorskip("schemathesis")
from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.specs.openapi import checks  # noqa: E402

CHECKS = [  # without positive_data_acceptance: the schema of ids does not exclude controls
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture(scope="module")
def app(bundle_folder: Path, imported: Path, tmp_path_factory) -> Iterator[FastAPI]:
    path = tmp_path_factory.mktemp("openapi") / "service.sqlite"
    path.write_bytes(imported.read_bytes())
    application = create_app(Settings(bundle_folder, database=f"sqlite:///{path}"))
    with TestClient(application):  # opened once: the cases go to the same service
        yield application


def test_no_server_error_and_no_undocumented_status(app: FastAPI) -> None:
    document = schemathesis.openapi.from_asgi("/openapi.json", app)
    seen = set()
    for result in document.get_all_operations():
        operation = result.ok()
        seen.add(operation.path)

        @settings(
            max_examples=10,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def answered(case) -> None:
            response = case.call()
            request = f"{case.method} {case.formatted_path} {case.query} {case.body!r}"
            assert response.status_code < 500, f"{request}: {response.text}"
            case.validate_response(response, checks=CHECKS)

        answered()
    assert {"/api/recommend/{user_id}", "/api/feedback", "/api/model", "/metrics"} <= seen


def test_an_uploaded_file_has_a_documented_type(app: FastAPI) -> None:
    document = schemathesis.openapi.from_asgi("/openapi.json", app)
    operation = document["/api/item/{item_id}/media/{modality}"]["GET"]
    client = TestClient(app)
    client.post("/api/item", json={"ItemId": "filed"})
    for modality, content in (("image", picture()), ("text", b"A quiet film")):
        client.put(f"/api/item/filed/media/{modality}", content=content)
        case = operation.Case(path_parameters={"item_id": "filed", "modality": modality})
        response = case.call()
        assert response.status_code == 200
        case.validate_response(response, checks=CHECKS)
