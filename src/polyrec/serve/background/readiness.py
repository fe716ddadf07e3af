"""Whether this worker can serve: its database reads and writes, and its model answers."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass

import anyio
import numpy as np
import sqlalchemy as sa
from anyio import to_thread
from sqlalchemy.engine import Connection

from polyrec.database.change_log import now_us
from polyrec.database.database import Database
from polyrec.database.failures import is_damage, storage_failure
from polyrec.database.inserts import dialect_insert
from polyrec.database.tables import FEEDBACK, ITEMS, LOG, META
from polyrec.database.writer import Writer
from polyrec.serve.state.live import LiveState
from polyrec.serve.state.serving_model import ServingModel
from polyrec.types import Query

_CACHE_S = 0.25  # how long a result is cached: health checks are never refused
_WRITE_S = 5.0  # without a write, one is tried
_WAIT_S = 0.15  # for that write; others may be waiting before it
_MODEL_S = 30.0  # between two trials of a model
_DAMAGE_S = 60.0  # how long damage that a request came upon counts


@dataclass(frozen=True)
class Health:
    """The reasons why a worker can't serve; empty ones if it can."""

    store: str = ""
    model: str = ""

    @property
    def is_ready(self) -> bool:
        """Return whether the worker can serve."""
        return not (self.store or self.model)


class Readiness:
    """Checks a worker. It uses a thread of its own, which no other request can occupy."""

    def __init__(self, database: Database, writer: Writer, live: LiveState) -> None:
        self._database, self._writer, self._live = database, writer, live
        self._lock, self._thread = asyncio.Lock(), anyio.CapacityLimiter(1)
        self._fresh_until = 0.0
        self._checked_model: tuple[ServingModel | None, float, str] = (None, 0.0, "")
        self._damage = ("", 0.0)
        self.latest = Health()

    def report(self, reason: str) -> None:
        """Note a failure that a request came upon."""
        if is_damage(reason):
            self._damage = (reason, time.monotonic() + _DAMAGE_S)

    async def check(self) -> Health:
        """Return the state of this worker, at most a quarter of a second old."""
        async with self._lock:
            if time.monotonic() >= self._fresh_until:
                self.latest = await to_thread.run_sync(self._check, limiter=self._thread)
                self._fresh_until = time.monotonic() + _CACHE_S * self.latest.is_ready
            return self.latest

    def _check(self) -> Health:
        damage, until = self._damage
        store = damage if time.monotonic() < until else ""
        return Health(store or self._read() or self._write(), self._try_model(self._live.model))

    def _read(self) -> str:
        """Read the first row of each large table; return why that failed."""
        tables = (META.c.name, ITEMS.c.item_id, FEEDBACK.c.user_id, LOG.c.sequence)
        try:
            self._database.check_file()
            with self._database.read() as connection:
                for column in tables:
                    connection.scalar(sa.select(column).limit(1))
        except Exception as error:  # noqa: BLE001 - whatever it is, requests will meet it as well
            return _reason(error)
        return ""

    def _write(self) -> str:
        """Return why the last write failed; try one if that is some time ago, or if it failed."""
        failure, age_s = self._writer.last_outcome()
        if not failure and age_s < _WRITE_S:
            return ""
        try:
            self._writer.submit(_touch).result(_WAIT_S)
        except FutureTimeoutError:  # it waits for others: the last outcome counts
            return failure
        except Exception as error:  # noqa: BLE001 - whatever it is, writes will meet it as well
            return _reason(error)
        return ""

    def _try_model(self, model: ServingModel) -> str:
        """Score a history of one item; return why that failed."""
        checked, until, reason = self._checked_model
        if checked is not model or time.monotonic() >= until:
            reason = _model_failure(model)
            self._checked_model = (model, time.monotonic() + _MODEL_S, reason)
        return reason


def _model_failure(model: ServingModel) -> str:
    if not model.scored_count:
        return ""
    try:
        scores = model.recommender.score(Query.of([[0]]))
    except Exception as error:  # noqa: BLE001 - whatever it is, requests will meet it as well
        return f"the model can't score ({type(error).__name__})"
    return "the model's scores are not numbers" if np.isnan(scores).any() else ""


def _touch(connection: Connection) -> None:
    statement = dialect_insert(connection, META)
    update = {"value": statement.excluded["value"]}
    statement = statement.on_conflict_do_update(index_elements=["name"], set_=update)
    connection.execute(statement, [{"name": "last probe", "value": str(now_us())}])


def _reason(error: Exception) -> str:
    # a driver's message may contain hosts and names
    return f"the database does not answer ({storage_failure(error) or type(error).__name__})"
