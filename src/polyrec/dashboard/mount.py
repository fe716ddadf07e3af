"""Add the pages to the application of a service."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import RedirectResponse
from starlette.staticfiles import StaticFiles

from polyrec.dashboard.routes import ROUTERS

PREFIX = "/dashboard"


def mount(app: FastAPI) -> FastAPI:
    """Return the application with the pages under /dashboard; / leads there."""
    app.mount(f"{PREFIX}/static", StaticFiles(directory=Path(__file__).parent / "static"))
    app.add_api_route("/", _to_dashboard, methods=["GET"], include_in_schema=False)
    for router in ROUTERS:
        app.include_router(router, prefix=PREFIX, include_in_schema=False)
    return app


async def _to_dashboard() -> RedirectResponse:
    return RedirectResponse(PREFIX, 307)
