"""Which status and which body goes with what went wrong: always what, received and remedy.

400  what was sent can't be understood
404  no such route, user, item or feedback
401  no key, or one that is unknown or was revoked
403  a key without the scope
408  a body that comes too slowly
413  a body that is too large
429  more often than a key may ask: with Retry-After
503  the database is away, or too much waits: with Retry-After
500  a fault of ours; the log has the trace
"""

from __future__ import annotations

import logging
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from polyrec.database.writer import OverloadedError
from polyrec.errors import PolyrecError
from polyrec.serve.responses import problem, reply
from polyrec.serve.settings import Settings

_LOG = logging.getLogger(__name__)
_SAID = {404: "no such route", 405: "no such method here"}


def handle_errors(app: FastAPI, settings: Settings) -> None:
    """Give an application its answers to errors."""
    away = {"Retry-After": str(settings.retry_after_s)}

    def overloaded(_request: Request, error: Exception) -> Response:
        return reply(_told(error), status=503, headers=away)

    def database_away(_request: Request, error: Exception) -> Response:
        reason = str(getattr(error, "orig", None) or type(error).__name__).partition("\n")[0]
        _LOG.error("the database does not answer: %s", reason)
        body = problem("the database does not answer", remedy="try again in a moment")
        return reply(body, status=503, headers=away)

    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(OverloadedError, overloaded)
    for kind in (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError):
        app.add_exception_handler(kind, database_away)
    app.add_exception_handler(PolyrecError, lambda _, error: reply(_told(error), status=400))
    app.add_exception_handler(Exception, _fault)


def _told(error: Exception) -> dict[str, Any]:
    if isinstance(error, PolyrecError):
        return problem(error.what, received=error.received, remedy=error.remedy)
    return problem(str(error))


def _invalid(_request: Request, error: Exception) -> Response:
    """Tell the first thing that is wrong with a request, and where."""
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {}
    place = ".".join(map(str, first.get("loc", ())))
    message = str(first.get("msg", "not understood"))
    if first.get("type") == "json_invalid":
        body = problem("the body is no JSON", received=first.get("ctx", {}).get("error"))
        return reply({**body, "remedy": "send JSON in UTF-8"}, status=400)
    if first.get("type") == "missing":
        return reply(problem(f"{place} is needed", remedy="see /docs"), status=400)
    body = problem(f"{place} does not fit", received=first.get("input"), remedy=message)
    return reply(body, status=400)


def _refused(request: Request, error: Exception) -> Response:
    status, detail = getattr(error, "status_code", 500), getattr(error, "detail", "")
    headers = getattr(error, "headers", None)
    if isinstance(detail, dict):
        return reply(detail, status=status, headers=headers)
    what = _SAID.get(status, str(detail))
    if status == 400:  # a body that could not even be read as text
        what, detail = "the body can't be read", "send JSON in UTF-8"
        return reply(problem(what, remedy=detail), status=400)
    received = f"{request.method} {request.url.path}"
    body = problem(what, received=received, remedy="see /docs")
    return reply(body, status=status, headers=headers)


def _fault(_request: Request, error: Exception) -> Response:
    _LOG.error("a fault of ours", exc_info=error)
    body = problem("a fault of the service", remedy="please report it with the log's trace")
    return reply(body, status=500)
