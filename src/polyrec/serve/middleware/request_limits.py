"""Limits for every request: a URL in UTF-8 without NUL, a body bounded in size and time.

A slash at the end of a path is dropped: clients of Gorse send one for an empty category.

An id may contain a slash, sent as %2F. Servers decode it too early and would split the id in two;
here it becomes `SLASH` in the path, and `schemas.PathId` turns it back into a slash.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from polyrec.serve.middleware.query import set_query
from polyrec.serve.responses import http_error, json_response, problem_body
from polyrec.serve.settings import Settings

SLASH = "\x1f"  # a control character: no id contains it

_MB = 2**20
_RECORD = 2 * _MB  # of a body with a single record, or a session
_SMALL = 1 * _MB  # below, a body is never refused because of others
_FORM, _FORM_S = 16 * 2**10, 10.0  # of a form of the dashboard
_CONTROL = re.compile(rb"%([01][0-9a-fA-F]|7[fF])")  # no id has one
_FILES = re.compile(r"/api/(item/[^/]+/media/|search/media/|bulk(/|$)|restore$)")
_LISTS = re.compile(r"/api/(feedback|users|items|recommend|search)(/|$)")
_FORMS = re.compile(r"/dashboard/(?!search$)")


class _Limit(NamedTuple):
    size: int  # bytes
    seconds: float
    is_held: bool  # in memory


class RequestLimits:
    """The middleware. The size and time of a body depend on its path; see docs/operations.md."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._held = 0  # bytes of large bodies in memory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 400, 408, 413 or 503."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if (problem := _parse_url(scope)) is not None:
            await json_response(problem, status=400)(scope, receive, send)
            return
        if scope["method"] in ("GET", "HEAD"):  # their bodies are never read
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        length = _content_length(scope)
        if length is not None and length > limit.size:
            error = _too_large(length, limit.size)
            await json_response(error.detail, status=error.status_code)(scope, receive, send)
            return
        incoming = _Body(self, receive, limit)
        try:
            await self._app(scope, incoming.receive, send)
        finally:
            self._held -= incoming.held

    def hold(self, size: int) -> None:
        """Count bytes of a large body; raise 503 if too many are in memory."""
        if self._held + size > self._settings.max_held_mb * _MB:
            raise http_error(503, "too many large bodies at once", remedy="send smaller ones",
                             retry_s=self._settings.retry_after_s)  # fmt: skip
        self._held += size

    def _limit(self, path: str) -> _Limit:
        settings = self._settings
        large = int(settings.max_body_mb * _MB)
        if _FILES.match(path):  # written to the disk as they arrive
            size = max(large, int(settings.max_upload_mb * _MB))
            return _Limit(size, settings.body_timeout_s, is_held=False)
        if _FORMS.match(path):
            return _Limit(_FORM, min(_FORM_S, settings.body_timeout_s), is_held=True)
        size = large if _LISTS.match(path) or path.startswith("/dashboard") else min(large, _RECORD)
        return _Limit(size, settings.body_timeout_s, is_held=True)


class _Body:
    """The body of one request as it arrives."""

    def __init__(self, owner: RequestLimits, receive: Receive, limit: _Limit) -> None:
        self._owner, self._receive, self._limit = owner, receive, limit
        self.held = self._size = 0
        self._complete = False
        self._deadline = asyncio.get_running_loop().time() + limit.seconds

    async def receive(self) -> Message:
        """Return the next message; raise 408, 413 or 503 beyond a limit."""
        if self._complete:  # the next message is the end of the connection
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            remedy = f"send it within {self._limit.seconds:g} s"
            raise http_error(408, "the body arrived too slowly", remedy=remedy) from None
        self._size += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._size > self._limit.size:
            raise _too_large(self._size, self._limit.size)
        if self._limit.is_held and self._size > _SMALL:
            self._owner.hold(self._size - self.held)
            self.held = self._size
        return message


def _parse_url(scope: Scope) -> dict[str, Any] | None:
    """Parse the path and the query of a request in its scope; return the error of an invalid one.

    The scope is changed in place: outer middlewares read the route from it.
    """
    raw_path = scope.get("raw_path", b"")
    if b"%00" in scope["query_string"]:
        return problem_body("the URL has a NUL character", remedy="remove %00")
    if _CONTROL.search(raw_path):
        return problem_body("the path has a control character", remedy="remove %00 to %1F and %7F")
    try:
        if b"%" in raw_path:
            scope["path"] = _decode_path(raw_path)
        if scope["path"].startswith("/api/"):
            scope["path"] = scope["path"].rstrip("/")
        set_query(scope)
    except UnicodeError:
        return problem_body("the URL is not UTF-8", remedy="percent-encode ids as UTF-8")
    except ValueError:
        return problem_body("too many query parameters", remedy="send at most 1,000")
    return None


def _too_large(size: int, limit: int) -> HTTPException:
    remedy = f"send at most {limit / _MB:g} MB per request"
    return http_error(413, "the body is too large", received=f"{size:,} bytes", remedy=remedy)


def _decode_path(raw: bytes) -> str:
    """Return a path, decoded segment by segment."""
    segments = raw.partition(b"?")[0].split(b"/")
    return "/".join(unquote_to_bytes(part).decode().replace("/", SLASH) for part in segments)


def _content_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < 19 else None
    chunked = any(name == b"transfer-encoding" for name, _ in scope["headers"])
    return None if chunked else 0
