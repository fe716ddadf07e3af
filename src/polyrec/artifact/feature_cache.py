"""The feature cache: no encoder encodes the same bytes twice."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np

from polyrec.errors import DataError
from polyrec.types import Floats, Problem

_FORMAT = 2
_SCHEMA = """
CREATE TABLE IF NOT EXISTS encoders (
    number INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS features (
    key BLOB PRIMARY KEY, encoder INTEGER NOT NULL, made INTEGER NOT NULL,
    vector BLOB, status TEXT, reason TEXT
) WITHOUT ROWID;
"""
_CHUNK = 500  # variables per statement, below SQLite's limit
_DAY = 86_400


class CachedEncoder(NamedTuple):
    """What the cache holds of one encoder."""

    identity: str
    vectors: int
    problems: int
    bytes: int
    last: int  # when its latest row was written, seconds since 1970


class FeatureCache:
    """Content-addressed vectors, or the reason why there is none, in one SQLite file.

    The key is a digest of the bytes and the encoder, so a changed file or setting never gets an old
    vector. Each `put` is one transaction: several processes may share the file, and one that is
    killed leaves no partial row.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=60)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._prepare()
        except (sqlite3.Error, OSError) as error:
            remedy = "delete it (it can be filled again), or set another cache"
            raise DataError(
                "the feature cache can't be used", received=f"{path}: {error}", remedy=remedy
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._database.close()

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Floats | Problem]:
        """Return key -> vector, or the reason why there is none, of those keys that are cached."""
        rows: dict[bytes, Floats | Problem] = {}
        for start in range(0, len(keys), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            marks = ",".join("?" * len(chunk))
            cursor = self._database.execute(
                f"SELECT key, vector, status, reason FROM features WHERE key IN ({marks})",
                chunk,
            )
            for key, vector, status, reason in cursor:
                known = vector is not None
                rows[key] = np.frombuffer(vector, np.float32) if known else Problem(status, reason)
        return rows

    def put(self, identity: str, rows: Mapping[bytes, Floats | Problem]) -> None:
        """Store the rows of an encoder, all or none."""
        now = int(time.time())
        with self._database:
            self._database.execute(
                "INSERT OR IGNORE INTO encoders (identity) VALUES (?)", (identity,)
            )
            number = self._database.execute(
                "SELECT number FROM encoders WHERE identity = ?", (identity,)
            ).fetchone()[0]
            self._database.executemany(
                "INSERT OR IGNORE INTO features VALUES (?, ?, ?, ?, ?, ?)",
                [(key, number, now, *_columns(row)) for key, row in rows.items()],
            )

    def encoders(self) -> list[CachedEncoder]:
        """Return what the cache holds of each encoder, the latest written first."""
        query = """
            SELECT identity, count(vector), count(status), coalesce(sum(length(vector)), 0),
                   max(made)
            FROM encoders JOIN features ON encoder = number
            GROUP BY number ORDER BY max(made) DESC
        """
        return [CachedEncoder(*row) for row in self._database.execute(query)]

    def prune(self, *, encoder: str = "", older_than_days: float = 0.0) -> int:
        """Delete old rows of encoders whose identity contains `encoder`; return how many."""
        latest = int(time.time() - older_than_days * _DAY)
        with self._database:
            deleted = self._database.execute(
                "DELETE FROM features WHERE made <= ? AND encoder IN "
                "(SELECT number FROM encoders WHERE instr(identity, ?))",
                (latest, encoder),
            ).rowcount
        self._database.execute("VACUUM")
        return int(deleted)

    def _prepare(self) -> None:
        version = self._database.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, _FORMAT):
            raise sqlite3.DatabaseError(f"format {version}, not {_FORMAT}")
        if version == 0:  # a new file, or one from before formats were numbered
            with self._database:
                self._database.execute("BEGIN IMMEDIATE")
                if self._database.execute("PRAGMA user_version").fetchone()[0] == 0:
                    self._database.execute("DROP TABLE IF EXISTS features")
                    for statement in filter(str.strip, _SCHEMA.split(";")):
                        self._database.execute(statement)
                    self._database.execute(f"PRAGMA user_version = {_FORMAT}")


def _columns(row: Floats | Problem) -> tuple[bytes | None, str | None, str | None]:
    if isinstance(row, Problem):
        return None, row.status, row.reason
    return np.asarray(row, np.float32).tobytes(), None, None
