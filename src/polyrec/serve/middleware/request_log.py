"""What is kept of every request: a number, a line in the log, figures. No secret, no user's id.

The outermost middleware. A line names the route's template and not the path, whose ids may be a
person's. Writes have a second line in the log `polyrec.audit`: which key did what to which item; of
users it holds a digest keyed with the database's secret, so that erasing one leaves no name.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from functools import cache
from typing import Any

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from polyrec.database.change_log import user_digest
from polyrec.serve.metrics import REQUESTS, SECONDS

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_QUIET = ("/api/health/", "/metrics")
_WRITES = ("POST", "PUT", "PATCH", "DELETE")

LOG = logging.getLogger("polyrec.request")
AUDIT = logging.getLogger("polyrec.audit")

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""Of every answer that does not set its own."""

_PAIRS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


class Observe:
    """The middleware; `prefix` is the path under which the routers are included."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app, self._prefix = app, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note how it ended."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        number = scope["request_id"] = _number(scope)
        status = 500  # what an exception that nobody catches becomes

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"]
                own = {name for name, _ in headers}
                headers.append((b"x-request-id", number.encode()))
                headers += [pair for pair in _PAIRS if pair[0] not in own]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            _note(scope, _template(scope, self._prefix), status, time.perf_counter() - begun)


def _note(scope: Scope, route: str, status: int, seconds: float) -> None:
    method, path = scope["method"], scope["path"]
    times, count = _figures(method, route, status)
    times.observe(seconds)
    count.inc()
    if path.startswith(_QUIET) and status < 400:
        return
    told = {
        "request": scope["request_id"],
        "method": method,
        "route": route,
        "status": status,
        "ms": round(1000 * seconds, 2),
        "key": scope.get("key"),
    }
    LOG.info("request", extra=told)
    if method in _WRITES and status < 400:
        AUDIT.info("write", extra={**told, "subject": _subject(scope)})


@cache  # routes, methods and statuses are few, looking a series up by them takes long
def _figures(method: str, route: str, status: int) -> tuple[Histogram, Counter]:
    return SECONDS.labels(method, route), REQUESTS.labels(method, route, str(status))


def _template(scope: Scope, prefix: str) -> str:
    """Return the path of the route that answered, "none" where there was none."""
    path: str = getattr(scope.get("route"), "path", "none")
    # a router that was included under a prefix tells its own part alone
    inner = scope["path"].startswith(f"{prefix}/") and path.startswith("/")
    return path if not inner or path.startswith(f"{prefix}/") else f"{prefix}{path}"


def _subject(scope: Scope) -> dict[str, Any]:
    """Return what a path names: an item by its id, a user by a digest."""
    names = scope.get("path_params", {})
    secret = scope["app"].state.service.database.secret
    told = {name: value for name, value in names.items() if name != "user_id"}
    if "user_id" in names:
        told["user"] = user_digest(names["user_id"], secret)
    return told


def _number(scope: Scope) -> str:
    """Return the caller's own number of a request if it is harmless, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value.decode("ascii"))
    return secrets.token_hex(8)
