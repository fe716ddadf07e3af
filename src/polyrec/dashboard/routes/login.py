"""Log in with a key, and out again."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from polyrec.dashboard.page import page
from polyrec.dashboard.session import COOKIE, Session, give_cookie
from polyrec.dashboard.session_user import Anybody, check_form, end
from polyrec.database import keys
from polyrec.serve.middleware.rates import Rates
from polyrec.serve.responses import refuse
from polyrec.serve.service import CurrentService

router = APIRouter()
_TRIES_PER_SECOND = 1.0  # of one address


@router.get("/login")
async def form(request: Request, service: CurrentService, visitor: Anybody) -> Response:
    """Show the form."""
    return page(request, service, visitor, "login", {"wrong": False})


@router.post("/login")
async def log_in(
    request: Request,
    service: CurrentService,
    visitor: Anybody,
    key: Annotated[str, Form(max_length=200)] = "",
    token: Annotated[str, Form()] = "",
) -> Response:
    """Begin a session with a key; the session from before is over."""
    check_form(visitor, service, token)
    address = request.client.host if request.client else "?"
    rates = _rates(request)
    if rates.wait(address, per_second=_TRIES_PER_SECOND, now=time.monotonic()):
        raise refuse(429, "too many tries", remedy="wait a second", retry_s=1)
    found = await service.read(lambda connection: keys.verify_key(connection, key.strip()))
    if found is None:
        return page(request, service, visitor, "login", {"wrong": True}, status=401)
    await end(service, visitor.session)
    answer = RedirectResponse("/dashboard", 303)
    begun = Session.begin(found.key_id, now=int(time.time()))
    give_cookie(answer, request, begun, service.database.secret)
    return answer


@router.post("/logout")
async def log_out(
    service: CurrentService, visitor: Anybody, token: Annotated[str, Form()] = ""
) -> Response:
    """End the session, for good."""
    check_form(visitor, service, token)
    await end(service, visitor.session)
    answer = RedirectResponse("/dashboard/login", 303)
    answer.delete_cookie(COOKIE, path="/dashboard")
    return answer


def _rates(request: Request) -> Rates:
    """Return the buckets of this worker's application."""
    state = request.app.state
    if not hasattr(state, "logins"):
        state.logins = Rates()
    found: Rates = state.logins
    return found
