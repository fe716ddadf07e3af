"""Who uploaded which file, and its size: one row per file in `database.blobs`."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from polyrec.database.inserts import insert_new
from polyrec.database.tables import MEDIA, UPLOADS

_CHUNK = 500  # digests per statement


def record_upload(connection: Connection, digest: str, size: int, *, key_id: str | None) -> None:
    """Record a file; one that is there already stays with its first key."""
    insert_new(connection, UPLOADS, [{"digest": digest, "key_id": key_id or "", "size": size}])


def uploaded_bytes(connection: Connection, *, key_id: str | None = None) -> int:
    """Return the bytes of all files, or of those that a key uploaded."""
    query = sa.select(sa.func.sum(UPLOADS.c.size))
    if key_id is not None:
        query = query.where(UPLOADS.c.key_id == key_id)
    return int(connection.scalar(query) or 0)


def forget_uploads(connection: Connection, digests: Sequence[str]) -> None:
    """Delete the rows of deleted files; record those that were uploaded before there were rows."""
    for start in range(0, len(digests), _CHUNK):
        chunk = digests[start : start + _CHUNK]
        connection.execute(UPLOADS.delete().where(UPLOADS.c.digest.in_(chunk)))
    recorded = sa.select(UPLOADS.c.digest)
    where = MEDIA.c.digest.not_in(recorded) & (MEDIA.c.digest != "")
    missing = sa.select(MEDIA.c.digest, sa.func.max(MEDIA.c.size)).where(where)
    for digest, size in connection.execute(missing.group_by(MEDIA.c.digest)).all():
        record_upload(connection, digest, size, key_id=None)
