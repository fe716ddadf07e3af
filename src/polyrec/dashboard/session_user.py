"""The user of a session and their permissions, as dependencies of the pages."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated

import sqlalchemy as sa
from fastapi import Depends, Form, HTTPException, Request
from pydantic import AfterValidator

from polyrec.dashboard.session import COOKIE, Session
from polyrec.database import keys
from polyrec.database.change_log import now_us
from polyrec.database.inserts import dialect_insert
from polyrec.database.tables import META
from polyrec.serve.api.schemas import check_text
from polyrec.serve.responses import http_error
from polyrec.serve.service import CurrentService, Service

_ENDED = "session ended "
_DAY = 86_400_000_000  # microseconds


@dataclass(frozen=True)
class SessionUser:
    """A session, with a key after the login."""

    session: Session
    fresh: bool  # whether the cookie must be set
    key: keys.ApiKey | None
    open: bool  # whether the service requires no keys

    def may(self, scope: str) -> bool:
        """Return whether the user has a scope."""
        return self.open or (self.key is not None and self.key.may(scope))


async def session_user(request: Request, service: CurrentService) -> SessionUser:
    """Return the user of a request, logged in or not."""
    secret = service.database.secret
    now = int(time.time())
    session = Session.from_cookie(request.cookies.get(COOKIE, ""), secret, now=now)
    key = None
    if session is not None:
        current = session
        key, ended = await service.read(lambda connection: _key_and_end(connection, current))
        session = None if ended else session
    guarded = service.settings.requires_key
    if session is None:
        return SessionUser(Session.create("", now=now), fresh=True, key=None, open=not guarded)
    return SessionUser(session, fresh=False, key=key, open=not guarded)


AnyUser = Annotated[SessionUser, Depends(session_user)]


@dataclass(frozen=True)
class RequireScope:
    """Allow users with a scope; redirect others to the login, or refuse them with 403."""

    scope: str

    def __call__(self, user: AnyUser) -> SessionUser:
        """Return the user."""
        if not user.open and user.key is None:
            raise HTTPException(303, "log in first", {"Location": "/dashboard/login"})
        if not user.may(self.scope):
            what = f"this page requires a key with the scope {self.scope}"
            raise http_error(403, what, remedy="log in with another key")
        return user


@dataclass(frozen=True)
class RequireForm:
    """The same for a form, which must carry the token of the session."""

    scope: str

    def __call__(
        self, user: AnyUser, service: CurrentService, token: Annotated[str, Form()] = ""
    ) -> SessionUser:
        """Return the user."""
        RequireScope(self.scope)(user)
        check_form_token(user, service, token)
        return user


def check_form_token(user: SessionUser, service: Service, token: str) -> None:
    """Raise 403 for a form that does not belong to this session."""
    if user.fresh or not user.session.accepts(token, service.database.secret):
        raise http_error(403, "this form belongs to another session", remedy="reload the page")


FormText = Annotated[str, Form(max_length=300), AfterValidator(check_text)]
ReadUser = Annotated[SessionUser, Depends(RequireScope("read"))]
ReadForm = Annotated[SessionUser, Depends(RequireForm("read"))]
WriteForm = Annotated[SessionUser, Depends(RequireForm("write"))]
AdminUser = Annotated[SessionUser, Depends(RequireScope("admin"))]
AdminForm = Annotated[SessionUser, Depends(RequireForm("admin"))]


async def end_session(service: Service, session: Session) -> None:
    """End a session at every worker; ends older than a day are deleted."""
    row = {"name": f"{_ENDED}{session.nonce}", "value": f"{now_us():020d}"}

    def write(connection: sa.Connection) -> None:
        """Store the end."""
        old = META.c.name.startswith(_ENDED) & (META.c.value < f"{now_us() - _DAY:020d}")
        connection.execute(META.delete().where(old))
        connection.execute(dialect_insert(connection, META).on_conflict_do_nothing(), [row])

    await service.write(write)


def _key_and_end(connection: sa.Connection, session: Session) -> tuple[keys.ApiKey | None, bool]:
    """Return the valid key of a session, or None, and whether the session was ended."""
    name = f"{_ENDED}{session.nonce}"
    ended = connection.scalar(sa.select(META.c.value).where(META.c.name == name)) is not None
    key = keys.find_key(connection, session.key_id) if session.key_id else None
    return key, ended
