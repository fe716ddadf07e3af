"""What every request passes before its route: its path is text, its body bounded in size and time.

An id may hold a slash, sent as %2F. Servers undo that too early, and the id would fall apart into
two; here it travels to the route as `SLASH`, and `schemas.PathId` makes it a slash again.
"""

from __future__ import annotations

import asyncio
from urllib.parse import unquote_to_bytes

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from polyrec.serve.responses import problem, refuse, reply

SLASH = "\x1f"  # no id may hold it


class Gate:
    """The middleware. A body has `limit` bytes at most and arrives within `seconds`.

    One that is a file (`.../media/...`) has `upload` bytes at most.
    """

    def __init__(self, app: ASGIApp, limit: int, seconds: float, upload: int = 0) -> None:
        self._app, self._limit, self._seconds = app, limit, seconds
        self._upload = max(upload, limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if b"%" in scope.get("raw_path", b"") or b"%" in scope["query_string"]:
            try:
                # in place: middlewares further out read the route from the same scope
                scope["path"] = _path(scope["raw_path"])
                unquote_to_bytes(scope["query_string"]).decode()
            except UnicodeDecodeError:
                body = problem("the path is not text", remedy="send ids in UTF-8, %-encoded")
                await reply(body, status=400)(scope, receive, send)
                return
        if scope["method"] in ("GET", "HEAD"):  # nobody reads their bodies
            await self._app(scope, receive, send)
            return
        length = _length(scope)
        limit = self._upload if "/media/" in scope["path"] else self._limit
        if length is not None and length > limit:
            large = _too_large(length, limit).detail
            await reply(large, status=413)(scope, receive, send)
            return
        await self._app(scope, self._counted(receive, limit), send)

    def _counted(self, receive: Receive, limit: int) -> Receive:
        read, whole = 0, False
        clock = asyncio.get_running_loop().time
        until = clock() + self._seconds

        async def counted() -> Message:
            nonlocal read, whole
            if whole:  # what comes now is the end of the connection
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                remedy = f"send it within {self._seconds:g} s"
                raise refuse(408, "the body comes too slowly", remedy=remedy) from None
            read += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if read > limit:
                raise _too_large(read, limit)
            return message

        return counted


def _too_large(size: int, limit: int) -> HTTPException:
    remedy = f"send at most {limit / 2**20:g} MB at once"
    return refuse(413, "the body is too large", received=f"{size:,} bytes", remedy=remedy)


def _path(raw: bytes) -> str:
    """Return a path, its segments decoded one by one."""
    segments = raw.partition(b"?")[0].split(b"/")
    return "/".join(unquote_to_bytes(part).decode().replace("/", SLASH) for part in segments)


def _length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else None
    return None if _chunked(scope) else 0


def _chunked(scope: Scope) -> bool:
    return any(name == b"transfer-encoding" for name, _ in scope["headers"])
