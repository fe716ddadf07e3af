"""Login with an API key, and logout."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from polyrec.dashboard.rendering import render_page
from polyrec.dashboard.session import COOKIE, Session, set_session_cookie
from polyrec.dashboard.session_user import AnyUser, check_form_token, end_session
from polyrec.database import keys
from polyrec.serve.middleware.access import start_look_up
from polyrec.serve.middleware.client_address import client_group
from polyrec.serve.middleware.rate_limiter import RateLimiter
from polyrec.serve.responses import http_error
from polyrec.serve.service import CurrentService

router = APIRouter()
_ATTEMPTS_PER_SECOND = 1.0  # of one address


@router.get("/login")
async def login_form(request: Request, service: CurrentService, user: AnyUser) -> Response:
    """Show the form."""
    return render_page(request, service, user, "login", {"invalid": False})


@router.post("/login")
async def log_in(
    request: Request,
    service: CurrentService,
    user: AnyUser,
    key: Annotated[str, Form(max_length=200)] = "",
    token: Annotated[str, Form()] = "",
) -> Response:
    """Start a session with a key; the previous session ends."""
    check_form_token(user, service, token)
    limiter: RateLimiter = request.app.state.rate_limiter
    group = f"login {client_group(request.scope)}"
    if start_look_up(limiter, group, time.monotonic(), per_second=_ATTEMPTS_PER_SECOND):
        raise http_error(429, "too many login attempts", remedy="wait a second", retry_s=1)
    api_key = await service.read(lambda connection: keys.verify_key(connection, key.strip()))
    if api_key is None:
        return render_page(request, service, user, "login", {"invalid": True}, status=401)
    await end_session(service, user.session)
    response = RedirectResponse("/dashboard", 303)
    session = Session.create(api_key.key_id, now=int(time.time()))
    set_session_cookie(response, request, session, service.database.secret)
    return response


@router.post("/logout")
async def log_out(
    service: CurrentService, user: AnyUser, token: Annotated[str, Form()] = ""
) -> Response:
    """End the session."""
    check_form_token(user, service, token)
    await end_session(service, user.session)
    response = RedirectResponse("/dashboard/login", 303)
    response.delete_cookie(COOKIE, path="/dashboard")
    return response
