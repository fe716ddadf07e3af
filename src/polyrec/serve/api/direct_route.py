"""Routes without dependency injection: FastAPI's takes a tenth of a recommendation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

Endpoint = Callable[[Request], Awaitable[ASGIApp]]  # a response is one, too


class DirectRoute(APIRoute):
    """A route whose endpoint takes the request and returns the response, or what will send it.

    It is in the OpenAPI document like every other, but nothing is injected, validated or converted.
    """

    def __init__(self, path: str, endpoint: Endpoint, **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.app = _direct(endpoint)


def _direct(endpoint: Endpoint) -> ASGIApp:
    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response of a request; exceptions go to the application's handlers."""
        response = await endpoint(Request(scope, receive, send))
        await response(scope, receive, send)

    return respond
