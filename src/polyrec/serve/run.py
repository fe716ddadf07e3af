"""Run the service: one process, or several workers over one database."""

from __future__ import annotations

from functools import partial

import uvicorn
from uvicorn.supervisors import Multiprocess

from polyrec.serve.app import create_app
from polyrec.serve.settings import Settings


def run(settings: Settings) -> None:
    """Serve until a signal says stop; a worker that dies is started again."""
    config = uvicorn.Config(
        partial(create_app, settings),
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=30,
    )
    if settings.workers == 1:
        uvicorn.Server(config).run()
        return
    socket = config.bind_socket()
    Multiprocess(config, sockets=[socket]).run()
