"""The latest events, refreshed every two seconds."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from polyrec.dashboard.rendering import render_page
from polyrec.dashboard.session_user import ReadUser
from polyrec.database import change_log
from polyrec.serve.service import CurrentService

router = APIRouter()
_ROWS = 50


@router.get("/events")
async def events(request: Request, service: CurrentService, user: ReadUser) -> Response:
    """Show the latest events; the page polls for new ones."""
    return await _events(request, service, user, "events")


@router.get("/events/rows")
async def event_rows(request: Request, service: CurrentService, user: ReadUser) -> Response:
    """Return only the rows of the table."""
    return await _events(request, service, user, "events_rows")


async def _events(
    request: Request, service: CurrentService, user: ReadUser, template: str
) -> Response:
    changes = await service.read(
        lambda connection: change_log.recent_feedback(connection, 4 * _ROWS)
    )
    latest = list(reversed(changes))[:_ROWS]
    return render_page(request, service, user, template, {"changes": latest})
