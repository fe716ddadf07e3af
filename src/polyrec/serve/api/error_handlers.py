"""Status and body of every error; the body always has what, received and remedy.

400  the request is invalid
401  no API key, or one that is unknown or was revoked
403  the key lacks the scope
404  no such route, user, item or feedback
408  the body arrived too slowly
413  the body is too large
429  more requests than the key may send; with Retry-After
503  the database or its disk is not available, or too many writes wait; with Retry-After
500  an error of the service; the log has the traceback
"""

from __future__ import annotations

import logging
import sqlite3
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from polyrec.database.failures import storage_failure
from polyrec.database.writer import OverloadedError
from polyrec.errors import PolyrecError
from polyrec.serve.responses import json_response, problem_body
from polyrec.serve.settings import Settings

_LOG = logging.getLogger(__name__)
_MESSAGES = {404: "no such route", 405: "this route does not allow the method"}


def add_error_handlers(app: FastAPI, settings: Settings) -> None:
    """Add the handlers to an application."""
    retry = {"Retry-After": str(settings.retry_after_s)}

    def overloaded(_request: Request, error: Exception) -> Response:
        return json_response(_problem_of(error), status=503, headers=retry)

    def storage_down(request: Request, error: Exception) -> Response:
        reason = storage_failure(error)
        if not reason:  # a bug
            raise error
        what = "disk" if isinstance(error, OSError) else "database"
        _LOG.error("the %s does not answer, responding 503: %s", what, reason)
        request.app.state.service.readiness.report(reason)
        body = problem_body(f"the {what} does not answer", remedy="try again in a moment")
        return json_response(body, status=503, headers=retry)

    def invalid_value(_request: Request, error: Exception) -> Response:
        return json_response(_problem_of(error), status=400)

    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(OverloadedError, overloaded)
    for kind in (sa.exc.DBAPIError, sa.exc.TimeoutError, sqlite3.DatabaseError, OSError):
        app.add_exception_handler(kind, storage_down)
    app.add_exception_handler(PolyrecError, invalid_value)
    app.add_exception_handler(Exception, _internal_error)


def _problem_of(error: Exception) -> dict[str, Any]:
    if isinstance(error, PolyrecError):
        return problem_body(error.what, received=error.received, remedy=error.remedy)
    return problem_body(str(error))


def _invalid_request(_request: Request, error: Exception) -> Response:
    return json_response(validation_problem(error), status=400)


def validation_problem(error: Exception) -> dict[str, Any]:
    """Return the body for the first error of a validation, with the path of its field."""
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {}
    field = ".".join(map(str, first.get("loc", ())))
    if first.get("type") == "json_invalid":
        reason = first.get("ctx", {}).get("error")
        return problem_body("the body is not valid JSON", received=reason, remedy="send UTF-8 JSON")
    if first.get("type") == "unknown_field":
        context = first.get("ctx", {})
        return problem_body(
            f"{field} has an unknown field", received=context["field"], remedy=context["remedy"]
        )
    if first.get("type") == "missing":
        return problem_body(f"{field} is required", remedy="see /docs")
    remedy = str(first.get("msg", "see /docs"))
    return problem_body(f"{field} is invalid", received=first.get("input"), remedy=remedy)


def _http_error(request: Request, error: Exception) -> Response:
    status, detail = getattr(error, "status_code", 500), getattr(error, "detail", "")
    headers = getattr(error, "headers", None)
    if isinstance(detail, dict):
        return json_response(detail, status=status, headers=headers)
    if status == 400:  # a body that FastAPI could not read as text
        return json_response(
            problem_body("the body can't be read", remedy="send UTF-8 JSON"), status=400
        )
    received = f"{request.method} {request.url.path}"
    body = problem_body(_MESSAGES.get(status, str(detail)), received=received, remedy="see /docs")
    return json_response(body, status=status, headers=headers)


def _internal_error(_request: Request, error: Exception) -> Response:
    _LOG.error("unhandled exception, responding 500", exc_info=error)
    body = problem_body("internal error", remedy="please report it with the traceback in the log")
    return json_response(body, status=500)
