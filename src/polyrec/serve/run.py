"""Run the service: one process, or several workers over one database."""

from __future__ import annotations

import gc
import os
import sys
from asyncio import AbstractEventLoop
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.supervisors import Multiprocess

from polyrec.errors import PolyrecError
from polyrec.serve.app import create_app
from polyrec.serve.fair_accept import fair_loop
from polyrec.serve.metrics import SHARED
from polyrec.serve.middleware.connections import BoundedProtocol, ConnectionTable
from polyrec.serve.middleware.logs import configure_logging
from polyrec.serve.settings import Settings

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_OPEN_FILES = 65_536

Lifespan = Callable[[Any], AbstractAsyncContextManager[Any]]
AppDecorator = Callable[[FastAPI], FastAPI]
"""Adds to an application, pages for example."""


def make_worker_app(settings: Settings, level: str, decorate: AppDecorator) -> ASGIApp:
    """Return the application of one worker, its logging configured."""
    configure_logging(level)
    app = decorate(create_app(settings))
    app.router.lifespan_context = _frozen(app.router.lifespan_context)
    return _without_traceback(app)


def _without_traceback(app: ASGIApp) -> ASGIApp:
    """Return an application whose start, if it fails with an error of ours, logs that alone."""

    async def start(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_brief(message: Message) -> None:
            error = sys.exception()
            if message["type"].endswith(".failed") and isinstance(error, PolyrecError):
                message = {**message, "message": f"the service can't start: {error}"}
            await send(message)

        await app(scope, receive, send if scope["type"] == "http" else send_brief)

    return start


def _frozen(lifespan: Lifespan) -> Lifespan:
    """Return a lifespan after whose start the garbage collector leaves alone what is there.

    It would look at every object of the model and of all libraries again and again, half a second
    each time, while no request is answered.
    """

    @asynccontextmanager
    async def start(app: FastAPI) -> AsyncIterator[object]:
        async with lifespan(app) as state:
            gc.collect()
            gc.freeze()
            yield state

    return start


def run_service(settings: Settings, *, decorate: AppDecorator, level: str = "info") -> None:
    """Serve until a signal stops the process; a worker that dies is started again.

    Requests under way are answered first, for half a minute at most.
    """
    _allow_open_files()
    if settings.workers == 1:
        uvicorn.Server(_config(settings, level, decorate)).run()
        return
    with TemporaryDirectory(prefix="polyrec-metrics-") as shared:
        os.environ[SHARED] = shared  # where the workers' metrics are summed
        settings = replace(settings, shared_folder=Path(shared))
        config = _config(settings, level, decorate)
        Supervisor(config, sockets=[config.bind_socket()]).run()


class Supervisor(Multiprocess):
    """uvicorn's supervisor of workers, which replaces a killed worker at once."""

    def keep_subprocess_alive(self) -> None:
        """Replace workers that died or do not respond.

        uvicorn keeps the worker's end of the pipe open too: if a worker is killed while it is asked
        for a sign of life, the supervisor waits for all of `timeout_worker_healthcheck`.
        """
        for process in self.processes:
            process.child_conn.close()
        super().keep_subprocess_alive()


def worker_loop(table: ConnectionTable, shared: Path | None) -> str | partial[AbstractEventLoop]:
    """Return uvicorn's event loop, or that of workers with a shared folder."""
    if shared is None or sys.platform == "win32":
        return "auto"
    return partial(fair_loop, table, shared / "connections")


def _allow_open_files() -> None:
    """Raise the soft limit of open files, which many shells set too low for connections."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _config(settings: Settings, level: str, decorate: AppDecorator) -> uvicorn.Config:
    table = ConnectionTable(
        settings.max_connections,
        settings.max_connections_per_address,
        settings.head_timeout_s,
        settings.proxies,
    )
    return uvicorn.Config(
        partial(make_worker_app, settings, level, decorate),
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        loop=worker_loop(table, settings.shared_folder),  # type: ignore[arg-type] # it is only called
        log_config=None,  # `make_worker_app` configures logs
        access_log=False,
        log_level="info",
        server_header=False,
        http=partial(BoundedProtocol, table=table),  # type: ignore[arg-type] # it is only called
        ws="none",
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=list(settings.proxies),
        timeout_keep_alive=30,
        timeout_graceful_shutdown=30,
        timeout_worker_healthcheck=60,  # loading a large bundle keeps a worker busy
    )
