"""Answers of a language model by content, and the tokens and cost of every use, in SQLite."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from polyrec.config.language_model import LanguageModelConfig
from polyrec.errors import LanguageModelError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY, created INTEGER NOT NULL, answer TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uses (
    id INTEGER PRIMARY KEY, time REAL NOT NULL, prompt TEXT NOT NULL, model TEXT NOT NULL,
    input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cost REAL NOT NULL,
    outcome TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS uses_time ON uses (time);
"""
_DAY_S = 86_400


class Usage(NamedTuple):
    """Requests, tokens and cost of a period."""

    requests: int
    input_tokens: int
    output_tokens: int
    cost: float


class AnswerStore:
    """One SQLite file, shared by the processes of a machine; used from any thread.

    A use reserves its largest possible tokens before the request is sent, so that processes
    together stay within the budget, and is corrected when the answer is there.
    """

    def __init__(self, config: LanguageModelConfig) -> None:
        self._config = config
        self._lock = Lock()
        path = config.cache.expanduser()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=5, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.executescript(_SCHEMA)
            Path(path).chmod(0o600)  # answers may be about people
            self.prune(config.cache_days)
        except (sqlite3.Error, OSError) as error:
            raise LanguageModelError(
                "the cache of the language model can't be used",
                received=f"{path}: {error}",
                remedy="delete it, or set another cache",
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def get(self, key: bytes) -> str | None:
        """Return the answer of a key, None if there is none."""
        with self._lock:
            row = self._database.execute(
                "SELECT answer FROM answers WHERE key = ?", (key,)
            ).fetchone()
        return row[0] if row else None

    def put(self, key: bytes, answer: str) -> None:
        """Store the answer of a key."""
        with self._lock, self._database:
            self._database.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", (key, int(time.time()), answer)
            )

    def reserve(self, prompt: str, model: str, input_tokens: int, output_tokens: int) -> int:
        """Return the number of a use with its tokens reserved, or raise if over the budget."""
        cost = self._cost(input_tokens, output_tokens)
        values = (time.time(), prompt, model, input_tokens, output_tokens, cost, "reserved")
        with self._lock, self._database:
            self._database.execute("BEGIN IMMEDIATE")  # no other process between sum and insert
            used = self._usage()
            tokens = used.input_tokens + used.output_tokens + input_tokens + output_tokens
            limit = self._config.cost_per_day
            if tokens > self._config.tokens_per_day or (limit and used.cost + cost > limit):
                raise LanguageModelError(
                    "the language model's budget of the day is spent",
                    received=f"{tokens:,} tokens, cost {used.cost + cost:.4f}",
                    remedy="raise tokens_per_day or cost_per_day",
                    status="over budget",
                )
            cursor = self._database.execute(
                "INSERT INTO uses (time, prompt, model, input_tokens, output_tokens, cost, outcome)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                values,
            )
        return int(cursor.lastrowid or 0)

    def record(self, use: int, input_tokens: int, output_tokens: int, outcome: str) -> float:
        """Correct the tokens of a use, and return their cost."""
        cost = self._cost(input_tokens, output_tokens)
        with self._lock, self._database:
            self._database.execute(
                "UPDATE uses SET input_tokens = ?, output_tokens = ?, cost = ?, outcome = ?"
                " WHERE id = ?",
                (input_tokens, output_tokens, cost, outcome, use),
            )
        return cost

    def usage(self) -> Usage:
        """Return the requests, tokens and cost of the last 24 hours."""
        with self._lock:
            return self._usage()

    def prune(self, older_than_days: float) -> None:
        """Delete answers and uses that are older."""
        latest = time.time() - older_than_days * _DAY_S
        with self._lock, self._database:
            self._database.execute("DELETE FROM answers WHERE created < ?", (latest,))
            self._database.execute("DELETE FROM uses WHERE time < ?", (latest - _DAY_S,))

    def _usage(self) -> Usage:
        row = self._database.execute(
            "SELECT count(*), coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0),"
            " coalesce(sum(cost), 0.0) FROM uses WHERE time > ?",
            (time.time() - _DAY_S,),
        ).fetchone()
        return Usage(*row)

    def _cost(self, input_tokens: int, output_tokens: int) -> float:
        prices = self._config.input_price, self._config.output_price
        return (input_tokens * prices[0] + output_tokens * prices[1]) / 1_000_000
