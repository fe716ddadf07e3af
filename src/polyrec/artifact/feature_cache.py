"""The feature cache: what an encoder made of some bytes is made once."""

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
_AT_ONCE = 500  # variables per statement, below SQLite's limit
_DAY = 86_400


class CachedEncoder(NamedTuple):
    """What the cache holds of one encoder."""

    identity: str
    vectors: int
    problems: int
    bytes: int
    last: int  # seconds since 1970 when its latest row was made


class FeatureCache:
    """Content-addressed vectors, and why there is none, in one SQLite file.

    The key is what the bytes are and what reads them, so a changed file or setting never meets an
    old vector. Each `put` is one transaction: several processes may share the file, and a killed
    one leaves no half-written row.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # threads of one run take turns; SQLite itself is compiled to allow it
            self._database = sqlite3.connect(path, timeout=60)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._prepare()
        except (sqlite3.Error, OSError) as error:
            remedy = "delete it (what it holds can be made again), or set another cache"
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
        """Return what is there, by key: a vector, or why there is none."""
        found: dict[bytes, Floats | Problem] = {}
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            rows = self._database.execute(
                f"SELECT key, vector, status, reason FROM features WHERE key IN ({marks})",
                some,
            )
            for key, vector, status, reason in rows:
                held = vector is not None
                found[key] = np.frombuffer(vector, np.float32) if held else Problem(status, reason)
        return found

    def put(self, identity: str, rows: Mapping[bytes, Floats | Problem]) -> None:
        """Keep what the encoder called `identity` made, all of it or nothing."""
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
                [(key, number, now, *_columns(made)) for key, made in rows.items()],
            )

    def encoders(self) -> list[CachedEncoder]:
        """Return what each encoder has here, the latest used first."""
        query = """
            SELECT identity, count(vector), count(status), coalesce(sum(length(vector)), 0),
                   max(made)
            FROM encoders JOIN features ON encoder = number
            GROUP BY number ORDER BY max(made) DESC
        """
        return [CachedEncoder(*row) for row in self._database.execute(query)]

    def prune(self, *, encoder: str = "", older_than_days: float = 0.0) -> int:
        """Return how many rows were forgotten: those of encoders so called, made so long ago."""
        latest = int(time.time() - older_than_days * _DAY)
        with self._database:
            gone = self._database.execute(
                "DELETE FROM features WHERE made <= ? AND encoder IN "
                "(SELECT number FROM encoders WHERE instr(identity, ?))",
                (latest, encoder),
            ).rowcount
        self._database.execute("VACUUM")
        return int(gone)

    def _prepare(self) -> None:
        found = self._database.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, _FORMAT):
            raise sqlite3.DatabaseError(f"a cache of format {found}, not {_FORMAT}")
        if found == 0:  # a fresh file, or one from before formats were numbered
            with self._database:
                self._database.execute("BEGIN IMMEDIATE")
                if self._database.execute("PRAGMA user_version").fetchone()[0] == 0:
                    self._database.execute("DROP TABLE IF EXISTS features")
                    for statement in filter(str.strip, _SCHEMA.split(";")):
                        self._database.execute(statement)
                    self._database.execute(f"PRAGMA user_version = {_FORMAT}")


def _columns(made: Floats | Problem) -> tuple[bytes | None, str | None, str | None]:
    if isinstance(made, Problem):
        return None, made.status, made.reason
    return np.asarray(made, np.float32).tobytes(), None, None
