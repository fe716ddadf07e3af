"""What the routes use: the database, its writer, and the live state of this worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, TypeVar

from fastapi import Depends, Request
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool

from polyrec.compute.sandbox import Sandbox
from polyrec.config import Limits
from polyrec.database.async_reader import AsyncReader
from polyrec.database.blobs import BlobStore
from polyrec.database.database import Database
from polyrec.database.failures import refuse_unusable
from polyrec.database.writer import Operation, Writer
from polyrec.serve.background.concurrency import ConcurrencyLimit
from polyrec.serve.background.model_updater import ModelUpdater
from polyrec.serve.background.readiness import Readiness
from polyrec.serve.background.refit_schedule import RefitSchedule
from polyrec.serve.background.serving_state import ServingStateBuilder
from polyrec.serve.background.upload_quota import UploadQuota
from polyrec.serve.settings import Settings
from polyrec.serve.state.catch_up import SharedCatchUp
from polyrec.serve.state.history import History
from polyrec.serve.state.live import LiveState
from polyrec.serve.words import ServiceWords

T = TypeVar("T")

# a single list of these sizes takes about a millisecond, a way to a thread and back a quarter
_LIGHT_ITEMS, _LIGHT_DEPTH = 20_000, 1_000


@dataclass
class Service:
    """One worker of a service."""

    settings: Settings
    database: Database
    writer: Writer
    live: LiveState
    files: BlobStore
    sandbox: Sandbox
    model_updater: ModelUpdater
    readiness: Readiness
    upload_quota: UploadQuota
    compute_limit: ConcurrencyLimit  # for what would hold up the event loop
    reader: AsyncReader | None  # of a remote database
    shared_catch_up: SharedCatchUp
    words: ServiceWords

    @classmethod
    def open(cls, settings: Settings) -> Service:
        """Load the bundle, open the database, import the bundle if new, start the threads."""
        database = Database.open(settings.database)
        with refuse_unusable(database.name):
            return cls._open(settings, database)

    @classmethod
    def _open(cls, settings: Settings, database: Database) -> Service:
        words = ServiceWords.open(settings)
        schedule = RefitSchedule(settings)
        folder = schedule.registry.current()
        writer = Writer(database, longest=settings.max_pending_writes)
        files = BlobStore(settings.media_folder)
        sandbox = Sandbox(
            Limits(max_mb=settings.max_upload_mb * 1.05, timeout_s=settings.decode_timeout_s)
        )
        builder = ServingStateBuilder(database, writer, files, sandbox)
        state = builder.build(folder, encode=False)
        live = LiveState(database, state.model, settings)
        live.start()
        updater = ModelUpdater(builder, live, state, schedule)
        updater.start()
        limit = ConcurrencyLimit(settings.max_computations, max_waiting=settings.max_requests)
        ready = Readiness(database, writer, live)
        quota = UploadQuota(settings, database, files.folder)
        reader = AsyncReader.open(database)
        shared = SharedCatchUp(partial(_catch_up_remotely, reader, live))
        return cls(settings, database, writer, live, files, sandbox, updater, ready, quota, limit,
                   reader, shared, words)  # fmt: skip

    async def close(self) -> None:
        """Commit pending writes, then stop the threads and close the database."""
        await self.words.close()
        if self.reader is not None:
            await self.reader.close()
        self.model_updater.close()
        self.writer.close()
        self.live.close()
        self.sandbox.close()
        self.database.close()

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Return a query's result, from a transaction in a thread."""

        def in_transaction() -> T:
            """Run the query in a transaction of its own."""
            with self.database.read() as connection:
                return query(connection)

        return await run_in_threadpool(in_transaction)

    async def write(self, operation: Operation[T], *, urgent: bool = True) -> T:
        """Return an operation's result once it is committed.

        If `urgent`, the model updater applies it at once, else at its next poll.
        """
        result = await asyncio.wrap_future(self.writer.submit(operation))
        if urgent:
            self.model_updater.wake()
        return result

    async def compute(self, work: Callable[[], T], *, depth: int) -> T:
        """Return what a ranking returns; in a slot where it would hold up the event loop.

        `depth` is the length of the list, its offset included.
        """
        if len(self.live.model.ids) <= _LIGHT_ITEMS and depth <= _LIGHT_DEPTH:
            return work()
        return await self.compute_limit.run(work)

    async def catch_up(self) -> LiveState:
        """Return the live state with all writes that were acknowledged before this call.

        That takes microseconds on SQLite, unless very much was written. Over a network requests
        share a query.
        """
        if self.database.remote:
            await self.shared_catch_up.run()
        elif not self.live.catch_up_briefly():
            await run_in_threadpool(self.live.catch_up)
        return self.live

    async def histories(self, users: Sequence[str]) -> list[History]:
        """Return the users' histories with all writes acknowledged before this call."""
        live = await self.catch_up()
        if len(users) > 1:
            return await run_in_threadpool(lambda: [live.history(user) for user in users])
        return [await self._history(user) for user in users]

    async def _history(self, user_id: str) -> History:
        live = self.live
        if not self.database.remote:
            return live.history(user_id)
        cached = live.cached_history(user_id)
        if cached is not None:
            return cached
        if self.reader is None:
            return await run_in_threadpool(live.history, user_id)
        sequence = live.sequence
        events = await self.reader.recent_events(user_id, longest=self.settings.max_history)
        edits = await self.reader.user_tastes(user_id) if live.has_tastes else ()
        return live.load_history(user_id, events, edits, sequence=sequence)


async def _catch_up_remotely(reader: AsyncReader | None, live: LiveState) -> None:
    """Apply new changes in a thread; find out on the event loop that there are none."""
    if reader is None or await reader.has_changes(live.sequence):
        await run_in_threadpool(live.catch_up)


async def current_service(request: Request) -> Service:
    """Return a request's service (async: FastAPI runs other dependencies in threads)."""
    service: Service = request.app.state.service
    return service


CurrentService = Annotated[Service, Depends(current_service)]
