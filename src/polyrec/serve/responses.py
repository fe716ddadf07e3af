"""JSON responses written by orjson, and errors as a body of what, received and remedy."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import HTTPException
from fastapi.responses import Response

_MAX_RECEIVED = 200  # characters of the input that an error repeats


def json_response(
    content: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a response with this content as JSON."""
    body = orjson.dumps(content)
    return Response(body, status, headers=headers, media_type="application/json")


def http_error(
    status: int, what: str, *, received: object = None, remedy: str = "", retry_s: int | None = None
) -> HTTPException:
    """Return the exception for this status, its body in the form of all errors."""
    headers = None if retry_s is None else {"Retry-After": str(retry_s)}
    return HTTPException(status, problem_body(what, received=received, remedy=remedy), headers)


def problem_body(what: str, *, received: object = None, remedy: str = "") -> dict[str, Any]:
    """Return the body of an error; `received` becomes text of at most 200 characters."""
    if isinstance(received, list | dict | tuple | set):
        received = reprlib.repr(received)  # `str` of a large one would take megabytes
    text = None if received is None else str(received)[:_MAX_RECEIVED]
    if text is not None:
        text = text.encode("utf-8", "replace").decode()
    return {"what": what, "received": text, "remedy": remedy}
