"""The feature cache: what an encoder made of some bytes is made once."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from polyrec.errors import DataError
from polyrec.types import Floats

_SCHEMA = """
CREATE TABLE IF NOT EXISTS features (
    key BLOB PRIMARY KEY, identity TEXT NOT NULL, vector BLOB NOT NULL
) WITHOUT ROWID
"""
_AT_ONCE = 500  # variables per statement, below SQLite's limit


class FeatureCache:
    """Content-addressed vectors in one SQLite file.

    The key is what the bytes are and what reads them, so a changed file or setting never meets an
    old vector. Each `put` is one transaction: several processes may share the file, and a killed
    one leaves no half-written row.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._database = sqlite3.connect(path, timeout=60)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.execute(_SCHEMA)
        except sqlite3.Error as error:
            remedy = "delete it: what it holds can be made again"
            raise DataError(
                "the feature cache can't be used", received=str(path), remedy=remedy
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

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Floats]:
        """Return the vectors that are there, by key."""
        found = {}
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            rows = self._database.execute(
                f"SELECT key, vector FROM features WHERE key IN ({marks})",
                some,
            )
            found.update({key: np.frombuffer(vector, np.float32) for key, vector in rows})
        return found

    def put(self, identity: str, vectors: Mapping[bytes, Floats]) -> None:
        """Keep vectors that the encoder called `identity` made, all or none of them."""
        rows = [(key, identity, np.float32(v).tobytes()) for key, v in vectors.items()]
        with self._database:
            self._database.executemany("INSERT OR IGNORE INTO features VALUES (?, ?, ?)", rows)

    def counts(self) -> dict[str, int]:
        """Return how many vectors each encoder has here."""
        query = "SELECT identity, count(*) FROM features GROUP BY identity"
        return dict(self._database.execute(query).fetchall())
