"""Who may ask what: keys with scopes, rates, and no more at once than a worker can bear.

Keys come as `X-API-Key` or `Authorization: Bearer`. A key is looked up in the database and believed
for a second: a revoked one is refused a second later, in every worker. Pages have a login of their
own (`dashboard`).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from polyrec.database import keys
from polyrec.serve.metrics import REFUSED
from polyrec.serve.middleware.rates import Rates
from polyrec.serve.responses import problem, reply
from polyrec.serve.service import Service
from polyrec.serve.settings import Settings

OPEN = ("/api/health/", "/docs", "/openapi.json", "/dashboard")
_ASKING = ("/api/recommend", "/api/session/recommend", "/api/search")  # POSTs that only read
_BELIEVED_S = 1.0
_MOST = 10_000  # keys remembered
_FAILED_PER_SECOND = 5.0  # wrong keys of one address


class Access:
    """The middleware; it lets a request through with `key` in its scope, or answers it."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._rates = Rates()
        self._known: OrderedDict[str, tuple[keys.ApiKey | None, float]] = OrderedDict()
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with 401, 403, 429 or 503."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer: ASGIApp | None
        if self._under_way >= self._settings.max_requests:
            answer = self._refusal(
                503, "too many requests at once", wait=self._settings.retry_after_s
            )
        else:
            answer = await self._asked(scope)
        if answer is not None:
            await answer(scope, receive, send)
            return
        self._under_way += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way -= 1

    async def _asked(self, scope: Scope) -> ASGIApp | None:
        """Return the answer of a refusal, None where all is well."""
        if not self._settings.requires_key or scope["path"].startswith(OPEN):
            return None
        now = time.monotonic()
        text = _given(scope)
        key = await self._find(scope["app"].state.service, text, now) if text else None
        if key is None:
            return self._unknown(scope, text, now)
        scope["key"] = key.key_id
        needed = needed_scope(scope["method"], scope["path"], scope["query_string"])
        if not key.may(needed):
            held = ", ".join(key.scopes)
            return self._refusal(403, f"this key may not {needed}", received=f"a key for {held}",
                                 remedy=f"use one with the scope {needed}")  # fmt: skip
        rate = key.per_second or self._settings.requests_per_second
        if rate and (wait := self._rates.wait(key.key_id, per_second=rate, now=now)):
            return self._refusal(429, "too many requests with this key", wait=wait,
                                 received=f"more than {rate:g} per second")  # fmt: skip
        return None

    def _unknown(self, scope: Scope, text: str, now: float) -> ASGIApp:
        address = (scope.get("client") or ("?",))[0]
        wait = self._rates.wait(f"@{address}", per_second=_FAILED_PER_SECOND, now=now)
        if text and wait:
            return self._refusal(429, "too many wrong keys", wait=wait)
        what = "this key is unknown or was revoked" if text else "a key is needed"
        remedy = "send X-API-Key; polyrec keys create makes one"
        return self._refusal(401, what, remedy=remedy)

    async def _find(self, service: Service, text: str, now: float) -> keys.ApiKey | None:
        known, until = self._known.get(text, (None, 0.0))
        if now < until:
            return known

        def look() -> keys.ApiKey | None:
            with service.database.read() as connection:
                return keys.verify_key(connection, text)

        found = await run_in_threadpool(look) if service.database.remote else look()
        if found is not None:  # wrong texts are not kept: they cost memory, and a rate limits them
            self._known[text] = (found, now + _BELIEVED_S)
            self._known.move_to_end(text)
        elif text in self._known:
            del self._known[text]
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        return found

    def _refusal(
        self, status: int, what: str, *, received: object = None, remedy: str = "", wait: float = 0
    ) -> ASGIApp:
        REFUSED.labels(str(status)).inc()
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
        if wait:
            headers["Retry-After"] = str(max(1, round(wait)))
            remedy = remedy or "try again after Retry-After seconds"
        return reply(problem(what, received=received, remedy=remedy), status=status,
                     headers=headers)  # fmt: skip


def needed_scope(method: str, path: str, query: bytes = b"") -> str:
    """Return the scope that a request needs.

    >>> needed_scope("POST", "/api/feedback"), needed_scope("POST", "/api/search")
    ('write', 'read')
    >>> needed_scope("GET", "/api/recommend/u", b"write-back-type=read")
    'write'
    """
    if path.startswith(("/api/model", "/api/keys")):
        return "read" if method == "GET" and path.startswith("/api/model") else "admin"
    if method in ("GET", "HEAD"):
        return "write" if b"write-back" in query and parse_qs(query).get(_WRITES) else "read"
    asks = method == "POST" and path.rstrip("/").startswith(_ASKING)
    return "read" if asks else "write"


_WRITES = b"write-back-type"


def _given(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-api-key":
            return str(value.decode("latin-1")).strip()
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return str(value[7:].decode("latin-1")).strip()
    return ""
