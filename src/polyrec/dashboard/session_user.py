"""What a request's visitor may see and do."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated

import sqlalchemy as sa
from fastapi import Depends, Form, HTTPException, Request

from polyrec.dashboard.session import COOKIE, Session
from polyrec.database import keys
from polyrec.database.change_log import now_us as microseconds
from polyrec.database.database import dialect_insert
from polyrec.database.tables import META
from polyrec.serve.responses import refuse
from polyrec.serve.service import CurrentService, Service

_ENDED = "session ended "
_DAY = 86_400_000_000


@dataclass(frozen=True)
class Visitor:
    """Somebody, with a session and perhaps a key."""

    session: Session
    fresh: bool  # whether the cookie is still to be set
    key: keys.ApiKey | None
    open: bool  # whether the service asks nobody for keys

    def may(self, scope: str) -> bool:
        """Return whether the visitor may do what needs a scope."""
        return self.open or (self.key is not None and self.key.may(scope))


async def anybody(request: Request, service: CurrentService) -> Visitor:
    """Return who is there, logged in or not."""
    secret = service.database.secret
    moment = int(time.time())
    session = Session.unpack(request.cookies.get(COOKIE, ""), secret, now=moment)
    key = None
    if session is not None:
        known = session
        key, ended = await service.read(lambda connection: _state(connection, known))
        session = None if ended else session
    guarded = service.settings.requires_key
    if session is None:
        return Visitor(Session.begin("", now=moment), fresh=True, key=None, open=not guarded)
    return Visitor(session, fresh=False, key=key, open=not guarded)


Anybody = Annotated[Visitor, Depends(anybody)]


@dataclass(frozen=True)
class Needs:
    """Lets those pass who may do what a scope is for; others are sent to the login, or away."""

    scope: str

    def __call__(self, visitor: Anybody) -> Visitor:
        """Return the visitor."""
        if not visitor.open and visitor.key is None:
            raise HTTPException(303, "log in first", {"Location": "/dashboard/login"})
        if not visitor.may(self.scope):
            remedy = "log in with another key"
            raise refuse(403, f"this needs a key with the scope {self.scope}", remedy=remedy)
        return visitor


@dataclass(frozen=True)
class Sends:
    """The same for a form, which has to come from a page of this session."""

    scope: str

    def __call__(
        self, visitor: Anybody, service: CurrentService, token: Annotated[str, Form()] = ""
    ) -> Visitor:
        """Return the visitor."""
        Needs(self.scope)(visitor)
        check_form(visitor, service, token)
        return visitor


def check_form(visitor: Visitor, service: Service, token: str) -> None:
    """Refuse a form that no page of this session has given out."""
    if visitor.fresh or not visitor.session.accepts(token, service.database.secret):
        raise refuse(403, "this form is of another session", remedy="load the page again")


Reader = Annotated[Visitor, Depends(Needs("read"))]
ReaderForm = Annotated[Visitor, Depends(Sends("read"))]
WriterForm = Annotated[Visitor, Depends(Sends("write"))]
Admin = Annotated[Visitor, Depends(Needs("admin"))]
AdminForm = Annotated[Visitor, Depends(Sends("admin"))]


async def end(service: Service, session: Session) -> None:
    """End a session for every worker; ends of sessions that are long over are forgotten."""
    row = {"name": f"{_ENDED}{session.number}", "value": f"{microseconds():020d}"}

    def write(connection: sa.Connection) -> None:
        """Note the end."""
        old = META.c.name.startswith(_ENDED) & (META.c.value < f"{microseconds() - _DAY:020d}")
        connection.execute(META.delete().where(old))
        connection.execute(dialect_insert(connection, META).on_conflict_do_nothing(), [row])

    await service.write(write)


def _state(connection: sa.Connection, session: Session) -> tuple[keys.ApiKey | None, bool]:
    """Return the key of a session, None if it holds no more, and whether the session was ended."""
    name = f"{_ENDED}{session.number}"
    ended = connection.scalar(sa.select(META.c.value).where(META.c.name == name)) is not None
    key = keys.find_key(connection, session.key_id) if session.key_id else None
    return key, ended
