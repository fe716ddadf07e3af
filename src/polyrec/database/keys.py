"""API keys: shown once, stored as digests, revoked for good.

A key is `pr_ID_SECRET`. The secret has 256 random bits, so a plain SHA-256 of it can't be reversed:
a leaked database gives no access.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from polyrec.database.change_log import now_us
from polyrec.database.tables import KEYS
from polyrec.errors import ConfigError, nearest

SCOPES = ("recommend", "read", "write", "admin")
_GRANTED_BY = {
    "any": set(SCOPES),
    "recommend": {"recommend", "read", "admin"},
    "read": {"read", "admin"},
    "write": {"write", "admin"},
    "admin": {"admin"},
}
_PREFIX = "pr"


@dataclass(frozen=True)
class ApiKey:
    """An API key and its scopes; `admin` includes all others."""

    key_id: str
    name: str
    scopes: tuple[str, ...]
    per_second: float | None = None
    created: int = 0  # microseconds since 1970
    revoked: int | None = None

    def may(self, scope: str) -> bool:
        """Return whether the key is valid and grants a scope.

        >>> key = ApiKey("a", "shop", ("read",))
        >>> key.may("recommend"), key.may("write")
        (True, False)
        """
        return self.revoked is None and not _GRANTED_BY[scope].isdisjoint(self.scopes)


def create_key(
    connection: Connection, name: str, scopes: Sequence[str], *, per_second: float | None = None
) -> tuple[ApiKey, str]:
    """Return a new key and its text, which is not stored."""
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        remedy = nearest(unknown[0], SCOPES) if unknown else f"give {', '.join(SCOPES)}"
        raise ConfigError("unknown scope", received=unknown or None, remedy=remedy)
    if not name.strip():
        remedy = "give a name: who will use it"
        raise ConfigError("a key needs a name", received=name, remedy=remedy)
    if per_second is not None and per_second <= 0:
        remedy = "give a positive rate, or leave it out"
        raise ConfigError("the rate is not positive", received=per_second, remedy=remedy)
    secret = secrets.token_urlsafe(32)
    ordered = tuple(scope for scope in SCOPES if scope in scopes)
    key = ApiKey(secrets.token_hex(4), name.strip(), ordered, per_second, now_us())
    connection.execute(
        KEYS.insert(),
        {
            "key_id": key.key_id,
            "name": key.name,
            "digest": _digest(secret),
            "scopes": ",".join(ordered),
            "per_second": per_second,
            "created": key.created,
        },
    )
    return key, f"{_PREFIX}_{key.key_id}_{secret}"


def verify_key(connection: Connection, text: str) -> ApiKey | None:
    """Return the key with this text, None if there is none or it was revoked."""
    prefix, _, rest = text.partition("_")
    key_id, _, secret = rest.partition("_")
    if prefix != _PREFIX or not secret:
        return None
    row = connection.execute(sa.select(KEYS).where(KEYS.c.key_id == key_id)).first()
    # constant time: compare_digest, and a digest is computed for unknown ids as well
    stored = row.digest if row else _digest("")
    if not hmac.compare_digest(stored, _digest(secret)) or row is None or row.revoked:
        return None
    return _key(row)


def find_key(connection: Connection, key_id: str) -> ApiKey | None:
    """Return a key by its id, None if it is unknown or revoked."""
    row = connection.execute(sa.select(KEYS).where(KEYS.c.key_id == key_id)).first()
    return None if row is None or row.revoked else _key(row)


def all_keys(connection: Connection) -> list[ApiKey]:
    """Return all keys, revoked ones too, oldest first."""
    return [_key(row) for row in connection.execute(sa.select(KEYS).order_by(KEYS.c.created))]


def revoke_key(connection: Connection, key_id: str) -> bool:
    """Revoke a key; return whether it was valid until now."""
    valid = (KEYS.c.key_id == key_id) & KEYS.c.revoked.is_(None)
    return bool(connection.execute(KEYS.update().where(valid).values(revoked=now_us())).rowcount)


def _key(row: sa.Row[tuple[object, ...]]) -> ApiKey:
    scopes = tuple(row.scopes.split(","))
    return ApiKey(row.key_id, row.name, scopes, row.per_second, row.created, row.revoked)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
