"""Signed cursors of listings: one that was changed, or belongs to another listing, is refused."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json

from polyrec.serve.responses import http_error

_SIGNATURE_BYTES = 16


def encode_cursor(key: tuple[str, ...], *, listing: str, secret: bytes) -> str:
    """Return the cursor that continues a listing after the entry with this key."""
    payload = json.dumps([listing, *key], ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(_sign(payload, secret) + payload).decode()


def decode_cursor(cursor: str, *, listing: str, secret: bytes) -> tuple[str, ...] | None:
    """Return the key to continue after, None for an empty cursor; raise 400 for an invalid one.

    >>> cursor = encode_cursor(("ann",), listing="users", secret=b"s")
    >>> decode_cursor(cursor, listing="users", secret=b"s")
    ('ann',)
    """
    if not cursor:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii"))
    except (binascii.Error, UnicodeEncodeError):
        raise _invalid(cursor) from None
    signature, payload = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _sign(payload, secret)):
        raise _invalid(cursor)
    signed_listing, *key = json.loads(payload)
    if signed_listing != listing:
        raise _invalid(cursor)
    return tuple(key)


def _sign(payload: bytes, secret: bytes) -> bytes:
    return hashlib.blake2b(payload, key=secret, digest_size=_SIGNATURE_BYTES).digest()


def _invalid(cursor: str) -> Exception:
    remedy = "send the Cursor of the previous page unchanged, or none"
    return http_error(400, "invalid cursor for this listing", received=cursor, remedy=remedy)
