"""Places in a listing that only this service can make: signed, so that a changed one is refused."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json

from polyrec.serve.responses import refuse

_SIGN = 16  # bytes


def pack(key: tuple[str, ...], *, listing: str, secret: bytes) -> str:
    """Return the cursor that stands behind an entry of a listing."""
    told = json.dumps([listing, *key], ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(_signature(told, secret) + told).decode()


def unpack(cursor: str, *, listing: str, secret: bytes) -> tuple[str, ...] | None:
    """Return the entry behind which to go on, None for the beginning; refuse any other cursor.

    >>> unpack(pack(("ann",), listing="users", secret=b"s"), listing="users", secret=b"s")
    ('ann',)
    """
    if not cursor:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii"))
    except (binascii.Error, UnicodeEncodeError):
        raise _wrong(cursor) from None
    signature, told = raw[:_SIGN], raw[_SIGN:]
    if not hmac.compare_digest(signature, _signature(told, secret)):
        raise _wrong(cursor)
    place, *key = json.loads(told)
    if place != listing:
        raise _wrong(cursor)
    return tuple(key)


def _signature(told: bytes, secret: bytes) -> bytes:
    return hashlib.blake2b(told, key=secret, digest_size=_SIGN).digest()


def _wrong(cursor: str) -> Exception:
    remedy = "send the Cursor of the page before, unchanged, or none"
    return refuse(400, "no cursor of this listing", received=cursor, remedy=remedy)
