"""The OpenAPI document, with the errors that each route really returns."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from polyrec.serve.api.bodies import body_schemas
from polyrec.serve.api.schemas import ProblemBody

_ERRORS = {
    "400": "The request is invalid",
    "401": "An API key is required, or this one is unknown or was revoked",
    "403": "The key lacks the scope",
    "404": "Not found",
    "408": "The body arrived too slowly",
    "413": "The body is too large",
    "429": "Too many requests with this key; see Retry-After",
    "503": "The database is not available, or too many writes wait; see Retry-After",
}


def add_openapi(app: FastAPI) -> None:
    """Add the document to an application; it is built at the first request for it."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, summary=app.summary, routes=app.routes
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas |= body_schemas()
    schemas["Problem"] = ProblemBody.model_json_schema()
    document["components"]["securitySchemes"] = {
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "bearer": {"type": "http", "scheme": "bearer"},
    }
    document["security"] = [{"key": []}, {"bearer": []}, {}]  # none is required on loopback
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path in document["paths"].values():
        for operation in path.values():
            responses = operation["responses"]
            responses.pop("422", None)  # invalid requests get 400, as in Gorse
            for status, description in _ERRORS.items():
                responses.setdefault(status, {"description": description, "content": content})
    return document
