"""The OpenAPI document: what each route may answer, as it really does."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from polyrec.serve.api.schemas import Problem

_ERRORS = {
    "400": "What was sent can't be understood",
    "401": "A key is needed, or this one is unknown or was revoked",
    "403": "The key lacks the scope",
    "404": "There is nothing here",
    "408": "The body comes too slowly",
    "413": "The body is too large",
    "429": "The key asks too often; see Retry-After",
    "503": "The database is away, or too much waits; see Retry-After",
}


def describe(app: FastAPI) -> None:
    """Give an application its document; it is made when it is first asked for."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema()
    made["components"]["securitySchemes"] = {
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "bearer": {"type": "http", "scheme": "bearer"},
    }
    made["security"] = [{"key": []}, {"bearer": []}, {}]  # none is needed on loopback
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    body = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path in made["paths"].values():
        for operation in path.values():
            answers = operation["responses"]
            answers.pop("422", None)  # what does not fit is answered with 400, as Gorse does
            for status, told in _ERRORS.items():
                answers.setdefault(status, {"description": told, "content": body})
    return made
