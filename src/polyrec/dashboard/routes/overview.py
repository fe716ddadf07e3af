"""The overview: requests, latency, model, events per day."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool

from polyrec.dashboard import overview_stats
from polyrec.dashboard.rendering import render_page
from polyrec.dashboard.routes.reports import bundle_folders
from polyrec.dashboard.session_user import ReadUser
from polyrec.dashboard.svg_charts import stacked_columns
from polyrec.database import change_log, records
from polyrec.evaluate.pages import charts
from polyrec.evaluate.report import baseline_rows
from polyrec.serve.service import CurrentService, Service

router = APIRouter()
_ROUTES = 8
_METRICS = ("recall@20", "ndcg@20")


@router.get("")
@router.get("/")
async def overview(request: Request, service: CurrentService, user: ReadUser) -> Response:
    """Show the state of the service."""
    live = await service.catch_up()
    stored = await service.read(_database_values)
    stats = overview_stats.request_stats()
    busiest = [(route.name, float(route.count)) for route in stats.routes[:_ROUTES]]
    values = {
        "stats": stats,
        "routes": stats.routes[:_ROUTES],
        "busiest": charts.bar_chart(busiest, title="Requests by route"),
        "age": time.time() - live.model.loaded_at,
        "waiting": service.writer.waiting,
        "histories": len(live),
        "quality": await run_in_threadpool(_quality, service),
    }
    return render_page(request, service, user, "overview", {**stored, **values})


def _quality(service: Service) -> tuple[list[str], list[Any]]:
    """Return metrics, and rows of the model and the plain ones; empty without a report."""
    folder = bundle_folders(service).get(service.live.model.version, Path())
    try:
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        test = report["metrics"]["test"]
        metrics = [name for name in _METRICS if name in test] or list(test)[:2]
        return metrics, baseline_rows(report, metrics)
    except (OSError, ValueError, KeyError, TypeError):  # none, or not one of this version
        return [], []


def _database_values(connection: Connection) -> dict[str, Any]:
    days = overview_stats.events_by_day(connection, now=change_log.now_us())
    return {
        "days": stacked_columns(days, title="Events per day, by type"),
        "events": sum(sum(counts.values()) for _, counts in days),
        "drift": overview_stats.event_type_drift(days),
        "status": records.count_by_status(connection),
    }
