"""Who looks at the pages: a signed cookie, and the token that each form carries back.

A cookie holds the id of the key that was shown at login (none before), a random number and a time,
signed with the database's secret; no secret of the key is in it. A form's token is a signature of
the cookie: one of another session, or of one that has ended, is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

import orjson
from fastapi import Request, Response

COOKIE = "polyrec_session"
LASTS_S = 12 * 3600
_LONGEST = 1024


@dataclass(frozen=True)
class Session:
    """One visit.

    >>> visit = Session.begin("k1", now=0)
    >>> Session.unpack(visit.pack(b"s"), b"s", now=1) == visit
    True
    """

    key_id: str  # "" for someone who has not shown a key
    number: str
    until: int  # seconds since 1970

    @classmethod
    def begin(cls, key_id: str, *, now: int) -> Session:
        """Return a new session."""
        return cls(key_id, secrets.token_urlsafe(16), now + LASTS_S)

    def pack(self, secret: bytes) -> str:
        """Return the cookie."""
        body = urlsafe_b64encode(orjson.dumps([self.key_id, self.number, self.until])).decode()
        return f"{body}.{_sign(secret, 'session', body)}"

    @classmethod
    def unpack(cls, cookie: str, secret: bytes, *, now: int) -> Session | None:
        """Return the session of a cookie, None if it was made up, changed or is over."""
        body, _, signature = cookie[:_LONGEST].partition(".")
        if not hmac.compare_digest(signature.encode(), _sign(secret, "session", body).encode()):
            return None
        key_id, number, until = orjson.loads(urlsafe_b64decode(body))
        return cls(key_id, number, until) if now < until else None

    def token(self, secret: bytes) -> str:
        """Return what a form of this session carries."""
        return _sign(secret, "form", self.number)

    def accepts(self, token: str, secret: bytes) -> bool:
        """Return whether a form's token is one of this session."""
        return hmac.compare_digest(token.encode(), self.token(secret).encode())


def give_cookie(answer: Response, request: Request, session: Session, secret: bytes) -> None:
    """Set the cookie of a session, out of reach for scripts and for other sites."""
    answer.set_cookie(
        COOKIE,
        session.pack(secret),
        max_age=LASTS_S,
        path="/dashboard",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def _sign(secret: bytes, purpose: str, text: str) -> str:
    return hmac.new(secret, f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()
