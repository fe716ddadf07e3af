"""The outermost middleware: request ids, metrics, log lines and security headers.

A log line has the route's template, not the path: ids in a path may identify a person. Writes add a
line to the log `polyrec.audit`: the key, the route and the item. A user appears there as a digest
keyed with the database's secret, so that an erased user leaves no name.
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
_QUIET_PATHS = ("/api/health/", "/metrics")  # logged when they fail
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
"""Added to every response that does not set its own."""

_RAW_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


class RequestLog:
    """The middleware; `prefix` is the path under which the routers are included."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app, self._prefix = app, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, then record its status and duration."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        request_id = scope["request_id"] = _request_id(scope)
        status = 500  # the status of an exception that nothing handles

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"]
                present = {name for name, _ in headers}
                headers.append((b"x-request-id", request_id.encode()))
                headers += [header for header in _RAW_HEADERS if header[0] not in present]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            _record(scope, _template(scope, self._prefix), status, time.perf_counter() - start)


def _record(scope: Scope, route: str, status: int, seconds: float) -> None:
    method, path = scope["method"], scope["path"]
    duration, count = _series(method, route, status)
    duration.observe(seconds)
    count.inc()
    if path.startswith(_QUIET_PATHS) and status < 400:
        return
    fields = {
        "request": scope["request_id"],
        "method": method,
        "route": route,
        "status": status,
        "ms": round(1000 * seconds, 2),
        "key": scope.get("key"),
    }
    LOG.info("request", extra=fields)
    if method in _WRITES and status < 400:
        AUDIT.info("write", extra={**fields, "subject": _subject(scope)})


@cache  # few routes, methods and statuses; the lookup by labels is slow
def _series(method: str, route: str, status: int) -> tuple[Histogram, Counter]:
    return SECONDS.labels(method, route), REQUESTS.labels(method, route, str(status))


def _template(scope: Scope, prefix: str) -> str:
    """Return the path template of the route that matched, "none" if there is none."""
    path: str = getattr(scope.get("route"), "path", "none")
    # a route of an included router has a path without the router's prefix
    inner = scope["path"].startswith(f"{prefix}/") and path.startswith("/")
    return path if not inner or path.startswith(f"{prefix}/") else f"{prefix}{path}"


def _subject(scope: Scope) -> dict[str, Any]:
    """Return the parameters of a path, a user as a digest."""
    params = scope.get("path_params", {})
    secret = scope["app"].state.service.database.secret
    subject = {name: value for name, value in params.items() if name != "user_id"}
    if "user_id" in params:
        subject["user"] = user_digest(params["user_id"], secret)
    return subject


def _request_id(scope: Scope) -> str:
    """Return the caller's request id if it is well-formed, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value.decode("ascii"))
    return secrets.token_hex(8)
