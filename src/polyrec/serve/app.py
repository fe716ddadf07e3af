"""The application: routes, errors, start and stop.

`create_app` makes one from settings. Middlewares are plain ASGI classes (Starlette's
`BaseHTTPMiddleware` costs a task per request); who adds one (keys, limits, metrics) adds it here,
inside `Gate`. The service hangs at `app.state.service` while the application runs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from polyrec import __version__
from polyrec.serve.errors import handle_errors
from polyrec.serve.gate import Gate
from polyrec.serve.openapi import describe
from polyrec.serve.routes import ROUTERS
from polyrec.serve.service import Service
from polyrec.serve.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """Return the application; the bundle and the database are opened when it starts."""

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        """Open the service, and close it at the end."""
        service = Service.open(settings)
        app.state.service = service
        yield
        service.close()

    app = FastAPI(
        title="polyrec",
        version=__version__,
        summary="Recommendations from behaviour and content; Gorse's routes, and more",
        lifespan=running,
        redirect_slashes=False,
        redoc_url=None,
    )
    for router in ROUTERS:
        app.include_router(router, prefix="/api")
    app.add_middleware(Gate, limit=int(settings.body_mb * 2**20))
    handle_errors(app, settings)
    describe(app)
    return app
