"""The routes as an HTML page, rendered from the OpenAPI document, without outside resources."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader

router = APIRouter(include_in_schema=False)
_TEMPLATES = Environment(
    loader=PackageLoader("polyrec.serve"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
_POLICY = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


@router.get("/docs")
async def docs_page(request: Request) -> HTMLResponse:
    """Return the page; it is rendered once."""
    state = request.app.state
    if not hasattr(state, "docs_page"):
        state.docs_page = _render(request.app.openapi())
    return HTMLResponse(state.docs_page, headers=_POLICY)


def _render(document: Mapping[str, Any]) -> str:
    tags: dict[str, list[dict[str, Any]]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            fields = _operation(path, method, operation, document)
            tags.setdefault((operation.get("tags") or ["other"])[0], []).append(fields)
    info = document["info"]
    return _TEMPLATES.get_template("docs.html.j2").render(
        title=info["title"],
        version=info["version"],
        summary=info.get("summary", ""),
        tags=list(tags.items()),
    )


def _operation(
    path: str, method: str, operation: Mapping[str, Any], document: Mapping[str, Any]
) -> dict[str, Any]:
    responses = operation["responses"].items()
    return {
        "path": path,
        "method": method.upper(),
        "summary": operation.get("summary", ""),
        "description": operation.get("description", ""),
        "parameters": operation.get("parameters", []),
        "body": _body(operation, document),
        "responses": [(status, entry.get("description", "")) for status, entry in responses],
    }


def _body(operation: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """Return an example of the body, or its schema; empty without a body."""
    contents = operation.get("requestBody", {}).get("content", {})
    content = contents.get("application/json")
    if content is None:
        return ", ".join(contents)
    schema = content.get("schema", {})
    inner = _resolve(schema.get("items", schema), document)
    example = content.get("example") or next(iter(inner.get("examples", ())), None)
    if example is None:
        example = {name: _types(field) for name, field in inner.get("properties", {}).items()}
    return json.dumps([example] if "items" in schema else example, indent=1, ensure_ascii=False)


def _resolve(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return document["components"]["schemas"][name] if name else schema


def _types(field: Mapping[str, Any]) -> str:
    names = [part.get("type", "any") for part in field.get("anyOf", [field])]
    return " or ".join(dict.fromkeys(names))
