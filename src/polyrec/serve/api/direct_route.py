"""Routes without dependency injection: FastAPI's takes a tenth of a recommendation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

Endpoint = Callable[[Request], Awaitable[Response]]


class DirectRoute(APIRoute):
    """A route whose endpoint takes the request and returns the response.

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
