"""One thread that writes: waiting operations are committed together (group commit).

A commit costs more than a row, so one transaction holds all operations that wait, and those that
can be joined are one operation there. If it fails, each is retried alone: a failing operation does
not affect the others.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple, Protocol, Self, TypeVar, runtime_checkable

from sqlalchemy.engine import Connection

from polyrec.database.database import Database
from polyrec.database.failures import storage_failure
from polyrec.errors import PolyrecError

T = TypeVar("T")
Operation = Callable[[Connection], T]

_BATCH = 256  # operations per transaction


class OverloadedError(PolyrecError):
    """The queue is full; the operation was not done."""


@runtime_checkable
class JoinableOperation(Protocol):
    """An operation without a result that some later ones can be joined to."""

    def __call__(self, connection: Connection) -> None:
        """Do it."""

    def joined(self, later: object) -> Self | None:
        """Return an operation that has the effect of both in order; None if there is none."""


class _Job(NamedTuple):
    operation: Operation[Any]
    done: Future[Any]


def _joined(jobs: list[_Job]) -> list[tuple[Operation[Any], list[_Job]]]:
    """Return operations in order, each with the jobs that it does."""
    groups: list[tuple[Operation[Any], list[_Job]]] = []
    for job in jobs:
        last: object = groups[-1][0] if groups else None
        combined = last.joined(job.operation) if isinstance(last, JoinableOperation) else None
        if combined is None:
            groups.append((job.operation, [job]))
        else:
            groups[-1] = combined, [*groups[-1][1], job]
    return groups


class Writer:
    """Commits operations in the order in which they were submitted.

    >>> from polyrec.database.records import UserRecord, put_users
    >>> database = Database.open("sqlite://")
    >>> writer = Writer(database)
    >>> writer.submit(lambda connection: put_users(connection, [UserRecord("ann")])).result()
    1
    >>> writer.close()
    >>> database.close()
    """

    def __init__(self, database: Database, *, longest: int = 10_000) -> None:
        self._database = database
        self._jobs: queue.Queue[_Job | None] = queue.Queue(longest)
        self._thread = threading.Thread(target=self._run, name="polyrec-writer", daemon=True)
        self._closed = False
        self._outcome = ("", time.monotonic())
        self._thread.start()

    def submit(self, operation: Operation[T]) -> Future[T]:
        """Return a future that holds the operation's result once it is committed."""
        done: Future[T] = Future()
        remedy = "try again in a moment"
        if self._closed:
            raise OverloadedError("the service is stopping", remedy=remedy)
        try:
            self._jobs.put_nowait(_Job(operation, done))
        except queue.Full:
            waiting = f"{self._jobs.maxsize:,} operations waiting"
            raise OverloadedError(
                "the write queue is full", received=waiting, remedy=remedy
            ) from None
        return done

    @property
    def waiting(self) -> int:
        """Return the approximate number of waiting operations."""
        return self._jobs.qsize()

    def last_outcome(self) -> tuple[str, float]:
        """Return why the database failed at the last commit ("" if not), and its age in seconds."""
        failure, at = self._outcome
        return failure, time.monotonic() - at

    def close(self) -> None:
        """Commit all waiting operations, then stop."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
            self._thread.join()

    def _run(self) -> None:
        running = True
        while running:
            jobs, running = self._take()
            if jobs:
                self._write(jobs)

    def _take(self) -> tuple[list[_Job], bool]:
        """Wait for jobs and return them, and whether there may be more."""
        jobs: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            # skip operations that were cancelled while they waited
            if job.done.set_running_or_notify_cancel():
                jobs.append(job)
            if len(jobs) == _BATCH:
                return jobs, True
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return jobs, True
        return jobs, False

    def _write(self, jobs: list[_Job]) -> None:
        groups = _joined(jobs)
        try:
            with self._database.write() as connection:
                results = [operation(connection) for operation, _ in groups]
        except Exception as error:  # noqa: BLE001 - passed to the caller
            failure = storage_failure(error)
            if failure:
                self._outcome = (failure, time.monotonic())
            if len(jobs) == 1:
                jobs[0].done.set_exception(error)
                return
            for job in jobs:
                self._write([job])
            return
        self._outcome = ("", time.monotonic())
        for (_, members), result in zip(groups, results, strict=True):
            for job in members:
                job.done.set_result(result)
