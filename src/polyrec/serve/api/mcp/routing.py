"""A request of a tool to a route: through all middlewares, with the caller's key and address.

So scopes, validation, slots, errors and logs are those of the route, by construction. The request
to /mcp itself was already counted by the rate and load limits: this one is not counted again.
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple
from urllib.parse import urlencode

import orjson
from starlette.types import Message, Scope

from polyrec.serve.api.mcp.tools import ToolRequest
from polyrec.serve.middleware.access import ADMITTED

_COPIED = ("type", "asgi", "http_version", "scheme", "server", "client", "root_path", "state")
_DROPPED = (
    b"accept", b"content-length", b"content-type", b"transfer-encoding", b"x-api-version",
    b"x-request-id",
)  # fmt: skip


class RouteResponse(NamedTuple):
    """The response of a route."""

    status: int
    body: Any
    headers: dict[str, str]


async def call_route(outer: Scope, request: ToolRequest) -> RouteResponse:
    """Return the response to a request on behalf of the caller of `outer`."""
    body = b"" if request.body is None else orjson.dumps(request.body)
    pending = [body]
    messages: list[Message] = []

    async def receive() -> Message:
        """Return the body; then wait: the caller stays until the response is complete."""
        if pending:
            return {"type": "http.request", "body": pending.pop(), "more_body": False}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        """Collect a part of the response."""
        messages.append(message)

    await outer["app"](_scope(outer, request, len(body)), receive, send)
    start = next(message for message in messages if message["type"] == "http.response.start")
    content = b"".join(message.get("body", b"") for message in messages)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
    return RouteResponse(start["status"], orjson.loads(content), headers)


def _scope(outer: Scope, request: ToolRequest, length: int) -> Scope:
    headers = [(name, value) for name, value in outer["headers"] if name not in _DROPPED]
    headers += [
        (b"x-request-id", outer["request_id"].encode()),
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % length),
        (b"x-api-version", b"2"),  # lists with scores
    ]
    return {
        **{name: outer[name] for name in _COPIED if name in outer},
        "method": request.method,
        "path": request.path,
        "raw_path": request.path.encode("ascii"),
        "query_string": urlencode(request.params).encode("ascii"),
        "headers": headers,
        ADMITTED: True,
    }
