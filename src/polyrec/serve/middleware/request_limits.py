"""Limits for every request: a URL in UTF-8, a body bounded in size and time.

An id may contain a slash, sent as %2F. Servers decode it too early and would split the id in two;
here it becomes `SLASH` in the path, and `schemas.PathId` turns it back into a slash.
"""

from __future__ import annotations

import asyncio
from urllib.parse import unquote_to_bytes

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from polyrec.serve.middleware.query import set_query
from polyrec.serve.responses import http_error, json_response, problem_body

SLASH = "\x1f"  # a control character: no id contains it


class RequestLimits:
    """The middleware. A body has at most `limit` bytes and arrives within `seconds`.

    One that is a file (`.../media/...`) has at most `upload` bytes.
    """

    def __init__(self, app: ASGIApp, limit: int, seconds: float, upload: int = 0) -> None:
        self._app, self._limit, self._seconds = app, limit, seconds
        self._upload = max(upload, limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 400, 408 or 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            # changed in place: outer middlewares read the route from the same scope
            if b"%" in scope.get("raw_path", b""):
                scope["path"] = _decode_path(scope["raw_path"])
            set_query(scope)
        except UnicodeError:
            body = problem_body("the URL is not UTF-8", remedy="percent-encode ids as UTF-8")
            await json_response(body, status=400)(scope, receive, send)
            return
        except ValueError:
            body = problem_body("too many query parameters", remedy="send at most 1,000")
            await json_response(body, status=400)(scope, receive, send)
            return
        if scope["method"] in ("GET", "HEAD"):  # their bodies are never read
            await self._app(scope, receive, send)
            return
        length = _content_length(scope)
        limit = self._upload if "/media/" in scope["path"] else self._limit
        if length is not None and length > limit:
            error = _too_large(length, limit)
            await json_response(error.detail, status=error.status_code)(scope, receive, send)
            return
        await self._app(scope, self._limited(receive, limit), send)

    def _limited(self, receive: Receive, limit: int) -> Receive:
        size, complete = 0, False
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._seconds

        async def limited() -> Message:
            nonlocal size, complete
            if complete:  # the next message is the end of the connection
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                remedy = f"send it within {self._seconds:g} s"
                raise http_error(408, "the body arrived too slowly", remedy=remedy) from None
            size += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if size > limit:
                raise _too_large(size, limit)
            return message

        return limited


def _too_large(size: int, limit: int) -> HTTPException:
    remedy = f"send at most {limit / 2**20:g} MB per request"
    return http_error(413, "the body is too large", received=f"{size:,} bytes", remedy=remedy)


def _decode_path(raw: bytes) -> str:
    """Return a path, decoded segment by segment."""
    segments = raw.partition(b"?")[0].split(b"/")
    return "/".join(unquote_to_bytes(part).decode().replace("/", SLASH) for part in segments)


def _content_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else None
    chunked = any(name == b"transfer-encoding" for name, _ in scope["headers"])
    return None if chunked else 0
