"""What the routes stand on: the database, its writer, and the live state of this worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Request
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool

from polyrec.compute.sandbox import Sandbox
from polyrec.config import Limits
from polyrec.database.blobs import BlobStore
from polyrec.database.database import Database
from polyrec.database.writer import Operation, Writer
from polyrec.serve.background.concurrency import ConcurrencyLimit
from polyrec.serve.background.model_updater import ModelUpdater, ServingStateBuilder
from polyrec.serve.background.refit_schedule import RefitSchedule
from polyrec.serve.settings import Settings
from polyrec.serve.state.history import History
from polyrec.serve.state.live import LiveState

T = TypeVar("T")


@dataclass
class Service:
    """One worker of a service. Colleagues of the routes (workers, schedules) get it whole."""

    settings: Settings
    database: Database
    writer: Writer
    live: LiveState
    files: BlobStore
    sandbox: Sandbox
    model_updater: ModelUpdater
    compute_limit: ConcurrencyLimit  # for what computes long

    @classmethod
    def open(cls, settings: Settings) -> Service:
        """Load the bundle, open the database, fill an empty one, read what is needed."""
        schedule = RefitSchedule(settings)
        folder = schedule.shelf.current()
        database = Database.open(settings.database)
        writer = Writer(database, longest=settings.max_pending_writes)
        files = BlobStore(settings.media_folder)
        sandbox = Sandbox(
            Limits(max_mb=settings.max_upload_mb * 1.05, timeout_s=settings.decode_timeout_s)
        )
        builder = ServingStateBuilder(database, writer, files, sandbox)
        state = builder.build(folder, read=False)
        live = LiveState(database, state.model, settings)
        live.start()
        model_updater = ModelUpdater(builder, live, state, schedule)
        model_updater.start()
        compute_limit = ConcurrencyLimit(settings.max_computations, longest=settings.max_requests)
        return cls(settings, database, writer, live, files, sandbox, model_updater, compute_limit)

    def close(self) -> None:
        """Write what waits, then let go of everything."""
        self.model_updater.close()
        self.writer.close()
        self.live.close()
        self.sandbox.close()
        self.database.close()

    async def read(self, question: Callable[[Connection], T]) -> T:
        """Return what a question to the database finds, asked beside the event loop."""

        def ask() -> T:
            """Ask in a transaction of its own."""
            with self.database.read() as connection:
                return question(connection)

        return await run_in_threadpool(ask)

    async def write(self, operation: Operation[T], *, urgent: bool = True) -> T:
        """Return an operation's result once it is committed.

        The keeper looks at once where it is `urgent`, else when it looks anyway.
        """
        result = await asyncio.wrap_future(self.writer.submit(operation))
        if urgent:
            self.model_updater.wake()
        return result

    async def catch_up(self) -> LiveState:
        """Return the live state, with all that was acknowledged so far.

        On SQLite that is a matter of microseconds; over a network the event loop must not wait.
        """
        if self.database.remote:
            await run_in_threadpool(self.live.catch_up)
        else:
            self.live.catch_up()
        return self.live

    async def histories(self, users: Sequence[str]) -> list[History]:
        """Return the users' histories, with all that was acknowledged so far."""

        def load() -> list[History]:
            """Catch up once, then load."""
            self.live.catch_up()
            return [self.live.history(user) for user in users]

        if self.database.remote or len(users) > 1:
            return await run_in_threadpool(load)
        return load()


async def current_service(request: Request) -> Service:
    """Return the service that a request came to (async: FastAPI sends others through threads)."""
    service: Service = request.app.state.service
    return service


CurrentService = Annotated[Service, Depends(current_service)]
