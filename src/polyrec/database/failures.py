"""Which errors mean that the database or its disk can't work now; all others are bugs."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from polyrec.errors import DataError

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE}
_BUGS = (
    sa.exc.IntegrityError, sa.exc.DataError, sa.exc.ProgrammingError, sa.exc.NotSupportedError,
    sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.NotSupportedError,
)  # fmt: skip
_DAMAGE = ("malformed", "is not a database")


def storage_failure(error: BaseException) -> str:
    """Return why the database or its disk can't work now, without any data; "" for a bug.

    >>> storage_failure(OSError(errno.ENOSPC, "", "/secret")), storage_failure(ValueError())
    ('No space left on device', '')
    """
    if isinstance(error, OSError):
        return os.strerror(error.errno) if error.errno in _DISK else ""
    if isinstance(error, _BUGS):
        return ""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, sqlite3.DatabaseError):
        return str(cause).partition("\n")[0]
    if isinstance(error, (sa.exc.DBAPIError, sa.exc.TimeoutError)):
        return type(cause).__name__  # a driver's message may contain hosts and names
    return ""


def is_damage(reason: str) -> bool:
    """Return whether a failure's reason is a damaged file, which doesn't mend itself."""
    return any(words in reason for words in _DAMAGE)


@contextmanager
def refuse_unusable(where: str) -> Iterator[None]:
    """Raise `DataError` where the database or its disk fails inside."""
    try:
        yield
    except (sa.exc.SQLAlchemyError, sqlite3.Error, OSError) as error:
        reason = storage_failure(error)
        if not reason:
            raise
        remedy = "restore a backup" if is_damage(reason) else "check its disk or server"
        raise DataError(
            "the database can't be used", received=f"{where}: {reason}", remedy=remedy
        ) from error
