"""Answers as JSON, written by orjson, and refusals with what, received and remedy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import HTTPException
from fastapi.responses import Response

_LONGEST = 200  # characters of what was received that are sent back


def reply(content: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response with this content as JSON."""
    body = orjson.dumps(content)
    return Response(body, status, headers=headers, media_type="application/json")


def refuse(
    status: int, what: str, *, received: object = None, remedy: str = "", retry_s: int | None = None
) -> HTTPException:
    """Return the exception that answers with this status, in the form of every error here."""
    headers = None if retry_s is None else {"Retry-After": str(retry_s)}
    return HTTPException(status, problem(what, received=received, remedy=remedy), headers)


def problem(what: str, *, received: object = None, remedy: str = "") -> dict[str, Any]:
    """Return the body of an error; what was received is cut short and made plain text."""
    told = None if received is None else str(received)[:_LONGEST]
    if told is not None:
        told = told.encode("utf-8", "replace").decode()
    return {"what": what, "received": told, "remedy": remedy}
