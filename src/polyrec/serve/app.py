"""The application: routes, errors, start and stop.

`create_app` makes one from settings. Middlewares are plain ASGI classes (Starlette's
`BaseHTTPMiddleware` costs a task per request), from the outermost in: RequestLog, CORS,
Hosts, RequestLimits, Access, HeadRequests. The service is `app.state.service` while the
application runs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from polyrec import __version__
from polyrec.serve.api.error_handlers import add_error_handlers
from polyrec.serve.api.openapi import add_openapi
from polyrec.serve.api.routes import PREFIX, ROUTERS, docs, operations, recommend
from polyrec.serve.middleware.access import Access
from polyrec.serve.middleware.head_requests import HeadRequests
from polyrec.serve.middleware.hosts import Hosts
from polyrec.serve.middleware.rate_limiter import RateLimiter
from polyrec.serve.middleware.request_limits import RequestLimits
from polyrec.serve.middleware.request_log import RequestLog
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
        await service.close()

    app = FastAPI(
        title="polyrec",
        version=__version__,
        summary="Recommendations from behaviour and content; Gorse's routes, and more",
        lifespan=running,
        redirect_slashes=False,
        docs_url=None,  # that page loads scripts from elsewhere; ours is routes.docs
        redoc_url=None,
    )
    recommend.add_recommend_routes(app, PREFIX)
    for router in ROUTERS:
        app.include_router(router, prefix=PREFIX)
    for router in (operations.router, docs.router):
        app.include_router(router)
    limiter = RateLimiter(settings.shared_folder and settings.shared_folder / "rates")
    app.state.rate_limiter = limiter
    _add_middleware(app, settings, limiter)
    add_error_handlers(app, settings)
    add_openapi(app)
    return app


def _add_middleware(app: FastAPI, settings: Settings, limiter: RateLimiter) -> None:
    """Add the middlewares, the innermost first."""
    app.add_middleware(HeadRequests)
    app.add_middleware(Access, settings=settings, limiter=limiter)
    app.add_middleware(RequestLimits, settings=settings)
    app.add_middleware(Hosts, allowed=settings.allowed_hosts)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["X-API-Key", "Authorization", "Content-Type", "X-Request-Id"],
        )
    app.add_middleware(RequestLog, prefix=PREFIX)
