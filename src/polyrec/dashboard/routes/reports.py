"""The HTML reports beside the bundle."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from polyrec.dashboard.rendering import render_page
from polyrec.dashboard.session_user import ReadUser
from polyrec.serve.responses import http_error
from polyrec.serve.service import CurrentService, Service

router = APIRouter()
REPORTS = {
    "report.html": "Evaluation",
    "alignment.html": "Alignment",
    "quarantine.html": "Quarantined content",
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
}


@router.get("/reports")
async def reports(
    request: Request, service: CurrentService, user: ReadUser, name: str = "report.html"
) -> Response:
    """Show a report in a frame, and links to the others."""
    existing = [(file, title) for file, title in REPORTS.items() if _path(service, file).is_file()]
    chosen = name if name in dict(existing) else (existing[0][0] if existing else "")
    return render_page(request, service, user, "reports", {"reports": existing, "chosen": chosen})


@router.get("/report/{name}")
async def report(name: str, service: CurrentService, user: ReadUser) -> Response:  # noqa: ARG001
    """Send one report."""
    if name not in REPORTS or not _path(service, name).is_file():
        raise http_error(404, "no such report", received=name, remedy="see /dashboard/reports")
    return FileResponse(_path(service, name), media_type="text/html", headers=_HEADERS)


def _path(service: Service, name: str) -> Path:
    return service.settings.bundle / name
