"""Events as they come in."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from polyrec.dashboard.page import page
from polyrec.dashboard.session_user import Reader
from polyrec.database import change_log
from polyrec.serve.service import CurrentService

router = APIRouter()
_SHOWN = 50


@router.get("/events")
async def shown(request: Request, service: CurrentService, visitor: Reader) -> Response:
    """Show the latest events; the page asks for new ones by itself."""
    return await _events(request, service, visitor, "events")


@router.get("/events/rows")
async def rows(request: Request, service: CurrentService, visitor: Reader) -> Response:
    """Return the table's rows alone."""
    return await _events(request, service, visitor, "events_rows")


async def _events(
    request: Request, service: CurrentService, visitor: Reader, template: str
) -> Response:
    found = await service.read(
        lambda connection: change_log.recent_feedback(connection, 4 * _SHOWN)
    )
    latest = list(reversed(found))[:_SHOWN]
    return page(request, service, visitor, template, {"changes": latest})
