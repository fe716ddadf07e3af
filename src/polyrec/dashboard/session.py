"""Sessions of the pages: a signed cookie, and a token for each form.

A cookie holds the id of the key used at login (empty before), a random nonce and an expiry time,
signed with the database's secret; it never holds the key itself. A form's token is a signature of
the nonce: the token of another or an ended session is refused.
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
LIFETIME_S = 12 * 3600
_MAX_COOKIE = 1024  # characters


@dataclass(frozen=True)
class Session:
    """One session.

    >>> session = Session.create("k1", now=0)
    >>> Session.from_cookie(session.to_cookie(b"s"), b"s", now=1) == session
    True
    """

    key_id: str  # "" before the login
    nonce: str
    expires: int  # seconds since 1970

    @classmethod
    def create(cls, key_id: str, *, now: int) -> Session:
        """Return a new session."""
        return cls(key_id, secrets.token_urlsafe(16), now + LIFETIME_S)

    def to_cookie(self, secret: bytes) -> str:
        """Return the text of the cookie."""
        body = urlsafe_b64encode(orjson.dumps([self.key_id, self.nonce, self.expires])).decode()
        return f"{body}.{_sign(secret, 'session', body)}"

    @classmethod
    def from_cookie(cls, cookie: str, secret: bytes, *, now: int) -> Session | None:
        """Return the session of a cookie, None if it is forged or expired."""
        body, _, signature = cookie[:_MAX_COOKIE].partition(".")
        if not hmac.compare_digest(signature.encode(), _sign(secret, "session", body).encode()):
            return None
        key_id, nonce, expires = orjson.loads(urlsafe_b64decode(body))
        return cls(key_id, nonce, expires) if now < expires else None

    def token(self, secret: bytes) -> str:
        """Return the token of this session's forms."""
        return _sign(secret, "form", self.nonce)

    def accepts(self, token: str, secret: bytes) -> bool:
        """Return whether a form's token belongs to this session."""
        return hmac.compare_digest(token.encode(), self.token(secret).encode())


def set_session_cookie(
    response: Response, request: Request, session: Session, secret: bytes
) -> None:
    """Set the cookie of a session, out of reach of scripts and other sites."""
    response.set_cookie(
        COOKIE,
        session.to_cookie(secret),
        max_age=LIFETIME_S,
        path="/dashboard",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def _sign(secret: bytes, purpose: str, text: str) -> str:
    return hmac.new(secret, f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()
