"""Access control: API keys with scopes, rate limits, and a bound on requests under way.

Keys come as `X-API-Key` or `Authorization: Bearer`. A key that was found in the database is cached
for a second: after a revocation every worker refuses it within that second. Rates hold over all
workers of a service. The dashboard has its own login.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter, OrderedDict

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from polyrec.database import keys
from polyrec.database.failures import storage_failure
from polyrec.serve.metrics import REFUSED
from polyrec.serve.middleware.client_address import client_group
from polyrec.serve.middleware.cross_site import is_cross_site
from polyrec.serve.middleware.query import query_params
from polyrec.serve.middleware.rate_limiter import RateLimiter
from polyrec.serve.middleware.scopes import READ_METHODS, required_scope
from polyrec.serve.responses import json_response, problem_body
from polyrec.serve.service import Service
from polyrec.serve.settings import Settings

HEALTH = "/api/health/"  # never refused
ADMITTED = "polyrec.admitted"  # in the scope of a request that another one of the caller sends
PUBLIC_PATHS = ("/docs", "/openapi.json", "/dashboard")
_API_KEY = "polyrec.api_key"
_CACHE_S = 1.0
_MAX_CACHED_KEYS = 10_000
_MAX_KEY = 200  # characters
INVALID_PER_SECOND = 5.0  # keys, of one address
_LOOK_UPS, LOOK_UPS_PER_SECOND = "look-ups of keys", 50.0  # of those that are not known yet


class Access:
    """The middleware. It passes a request on with `key` in its scope, or refuses it."""

    def __init__(self, app: ASGIApp, settings: Settings, limiter: RateLimiter) -> None:
        self._app, self._settings, self._limiter = app, settings, limiter
        self._known: OrderedDict[str, tuple[keys.ApiKey, float]] = OrderedDict()
        self._running: Counter[str] = Counter()  # address group -> requests under way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 401, 403, 429 or 503."""
        if scope["type"] != "http" or scope["path"].startswith(HEALTH):
            await self._app(scope, receive, send)
            return
        if ADMITTED in scope:  # its load and rate were counted
            await (await self._check_key(scope) or self._app)(scope, receive, send)
            return
        group = client_group(scope)
        refusal = self._check_load(group) or await self._check_key(scope)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        self._count(group, 1)
        try:
            await self._app(scope, self._uncounted(receive, group), send)
        finally:
            self._count(group, -1)

    def _uncounted(self, receive: Receive, group: str) -> Receive:
        """Return a `receive` during which a request is not counted: slow bodies block nobody."""
        complete = False

        async def wait() -> Message:
            nonlocal complete
            if complete:  # now it waits for the end of the connection
                return await receive()
            self._count(group, -1)
            try:
                message = await receive()
            finally:
                self._count(group, 1)
            complete = not message.get("more_body", False)
            return message

        return wait

    def _count(self, group: str, change: int) -> None:
        self._running[group] += change
        if not self._running[group]:
            del self._running[group]

    def _check_load(self, group: str) -> ASGIApp | None:
        """Return a response of 503 if the worker, or one address, has too much under way."""
        settings = self._settings
        busy = self._running[group] >= settings.max_requests_per_address
        if not busy and self._running.total() < settings.max_requests:
            return None
        what = "too many requests at once" + (" from one address" if busy else "")
        return self._refuse(503, what, wait=settings.retry_after_s)

    async def _check_key(self, scope: Scope) -> ASGIApp | None:
        """Do `_check`; return a response of 503 where the database can't look up a key."""
        try:
            return await self._check(scope)
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            reason = storage_failure(error)
            if not reason:
                raise
            scope["app"].state.service.readiness.report(reason)
            what = "the database does not answer"
            return self._refuse(503, what, wait=self._settings.retry_after_s)

    async def _check(self, scope: Scope) -> ASGIApp | None:
        """Return the response that refuses a request, None for one that is allowed."""
        required = required_scope(scope["method"], scope["path"], query_params(scope))
        path = scope["path"]
        if not self._settings.requires_key or path == "/" or path.startswith(PUBLIC_PATHS):
            return self._check_site(scope, required)
        now = time.monotonic()
        text = _key_text(scope)
        key = await self._find(scope, text, now)
        if isinstance(key, float):
            return self._refuse(429, "too many invalid keys", wait=key)
        if key is None:
            what = "this key is unknown or was revoked" if text else "an API key is required"
            remedy = "send it as X-API-Key; polyrec keys create makes one"
            return self._refuse(401, what, remedy=remedy)
        scope["key"], scope[_API_KEY] = key.key_id, key
        if not key.may(required):
            return self._refuse(403, f"this key lacks the scope {required}",
                                received=f"a key with {', '.join(key.scopes)}",
                                remedy=f"use a key with the scope {required}")  # fmt: skip
        rate = 0.0 if ADMITTED in scope else key.per_second or self._settings.requests_per_second
        if rate and (wait := self._limiter.wait(key.key_id, per_second=rate, now=now)):
            return self._refuse(429, "too many requests with this key", wait=wait,
                                received=f"more than {rate:g} per second")  # fmt: skip
        return None

    def _check_site(self, scope: Scope, required: str) -> ASGIApp | None:
        """Refuse what another site's page could send without a key, unless it only reads."""
        reads = scope["method"] in READ_METHODS and required not in ("write", "admin")
        if reads or not is_cross_site(scope["headers"], self._settings.cors_origins):
            return None
        remedy = "name the site with --origin, or require keys"
        return self._refuse(403, "a page of another site sent this request", remedy=remedy)

    async def _find(self, scope: Scope, text: str, now: float) -> keys.ApiKey | float | None:
        """Return a key, None for an invalid one, or the seconds until it may be tried.

        A key that was valid before is looked up once a second. All others together, and those of
        one address, have a rate: who guesses keys costs neither the database nor the valid keys.
        """
        if not text:
            return None
        known, expiry = self._known.get(text, (None, 0.0))
        if now < expiry:
            return known
        group = f"@{client_group(scope)}"
        if known is None and (wait := start_look_up(self._limiter, group, now)):
            return wait
        key = await _look_up(scope["app"].state.service, text) if len(text) <= _MAX_KEY else None
        if key is None:
            self._known.pop(text, None)
            return None
        if known is None:
            self._limiter.give_back(group, per_second=INVALID_PER_SECOND, now=now)
            self._limiter.give_back(_LOOK_UPS, per_second=LOOK_UPS_PER_SECOND, now=now)
        self._known[text] = (key, now + _CACHE_S)
        self._known.move_to_end(text)
        if len(self._known) > _MAX_CACHED_KEYS:
            self._known.popitem(last=False)
        return key

    def _refuse(
        self, status: int, what: str, *, received: object = None, remedy: str = "", wait: float = 0
    ) -> ASGIApp:
        REFUSED.labels(str(status)).inc()
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
        if wait:
            headers["Retry-After"] = str(max(1, round(wait)))
            remedy = remedy or "try again after Retry-After seconds"
        body = problem_body(what, received=received, remedy=remedy)
        return json_response(body, status=status, headers=headers)


def caller_may(scope: Scope, required: str) -> bool:
    """Return whether a scope is granted to the caller of a request that was let in."""
    key: keys.ApiKey | None = scope.get(_API_KEY)  # None: no key is required
    return key is None or key.may(required)


async def _look_up(service: Service, text: str) -> keys.ApiKey | None:
    def query() -> keys.ApiKey | None:
        with service.database.read() as connection:
            return keys.verify_key(connection, text)

    return await run_in_threadpool(query) if service.database.remote else query()


def start_look_up(
    limiter: RateLimiter, group: str, now: float, *, per_second: float = INVALID_PER_SECOND
) -> float:
    """Return 0 if a key may be looked up for a group of addresses now, else the seconds until."""
    if wait := limiter.wait(group, per_second=per_second, now=now):
        return wait
    wait = limiter.wait(_LOOK_UPS, per_second=LOOK_UPS_PER_SECOND, now=now)
    if wait:  # it was refused because of others
        limiter.give_back(group, per_second=per_second, now=now)
    return wait


def _key_text(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-api-key":
            return str(value.decode("latin-1")).strip()
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return str(value[7:].decode("latin-1")).strip()
    return ""
