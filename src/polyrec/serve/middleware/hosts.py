"""The Host header: one at most, and one that is allowed.

A page of another site can reach a service on loopback under a name of its own (DNS rebinding); its
requests carry that name. Two Host headers are an attempt to show one of them to a proxy.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from polyrec.serve.responses import json_response, problem_body

_PORT = re.compile(r":\d{0,5}$")


class Hosts:
    """The middleware; without `allowed` every name is."""

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self._app, self._allowed = app, frozenset(allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 400."""
        problem = self._problem(scope) if scope["type"] == "http" else None
        if problem is None:
            await self._app(scope, receive, send)
        else:
            await json_response(problem, status=400)(scope, receive, send)

    def _problem(self, scope: Scope) -> dict[str, object] | None:
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(hosts) > 1:
            return problem_body("the request has several Host headers", received=", ".join(hosts),
                                remedy="send one")  # fmt: skip
        host = hosts[0] if hosts else ""
        if self._allowed and _PORT.sub("", host).lower() not in self._allowed:
            remedy = f"use {', '.join(sorted(self._allowed))}, or require keys"
            return problem_body("this name of the service is not allowed", received=host,
                                remedy=remedy)  # fmt: skip
        return None
