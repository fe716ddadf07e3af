"""Run the service: one process, or several workers over one database."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from tempfile import TemporaryDirectory

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from polyrec.serve.app import create_app
from polyrec.serve.metrics import SHARED
from polyrec.serve.middleware.logs import configure_logging
from polyrec.serve.settings import Settings

AppDecorator = Callable[[FastAPI], FastAPI]
"""Adds to an application, pages for example."""


def make_worker_app(settings: Settings, level: str, decorate: AppDecorator) -> FastAPI:
    """Return the application of one worker, its logging configured."""
    configure_logging(level)
    return decorate(create_app(settings))


def run_service(settings: Settings, *, decorate: AppDecorator, level: str = "info") -> None:
    """Serve until a signal stops the process; a worker that dies is started again.

    Requests under way are answered first, for half a minute at most.
    """
    if settings.workers == 1:
        uvicorn.Server(_config(settings, level, decorate)).run()
        return
    with TemporaryDirectory(prefix="polyrec-metrics-") as shared:
        os.environ[SHARED] = shared  # where the workers' metrics are summed
        config = _config(settings, level, decorate)
        Multiprocess(config, sockets=[config.bind_socket()]).run()


def _config(settings: Settings, level: str, decorate: AppDecorator) -> uvicorn.Config:
    return uvicorn.Config(
        partial(make_worker_app, settings, level, decorate),
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_config=None,  # `make_worker_app` configures logs
        access_log=False,
        log_level="info",
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=30,
        timeout_worker_healthcheck=60,  # loading a large bundle keeps a worker busy
    )
