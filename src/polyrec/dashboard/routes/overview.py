"""The overview: traffic, latency, model, events per day."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.engine import Connection

from polyrec.dashboard import overview_stats
from polyrec.dashboard.page import page
from polyrec.dashboard.session_user import Reader
from polyrec.dashboard.svg_charts import columns
from polyrec.database import change_log, records
from polyrec.evaluate import charts
from polyrec.serve.service import CurrentService

router = APIRouter()
_ROUTES = 8


@router.get("")
@router.get("/")
async def overview(request: Request, service: CurrentService, visitor: Reader) -> Response:
    """Show how the service fares."""
    live = await service.catch_up()
    told = await service.read(_told)
    traffic = overview_stats.traffic()
    busy = [(route.name, float(route.count)) for route in traffic.routes[:_ROUTES]]
    now = {
        "traffic": traffic,
        "routes": traffic.routes[:_ROUTES],
        "busy": charts.bars(busy, title="Requests by route"),
        "age": time.time() - live.model.loaded_at,
        "waiting": service.writer.waiting,
        "histories": len(live),
    }
    return page(request, service, visitor, "overview", {**told, **now})


def _told(connection: Connection) -> dict[str, Any]:
    days = overview_stats.events_by_day(connection, now=change_log.now_us())
    return {
        "days": columns(days, title="Events per day, by type"),
        "events": sum(sum(kinds.values()) for _, kinds in days),
        "drift": overview_stats.drift(days),
        "status": records.count_by_status(connection),
    }
