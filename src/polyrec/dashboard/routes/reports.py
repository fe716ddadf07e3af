"""The reports that lie beside the bundle, as the run wrote them."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from polyrec.dashboard.page import page
from polyrec.dashboard.session_user import Reader
from polyrec.serve.responses import refuse
from polyrec.serve.service import CurrentService, Service

router = APIRouter()
REPORTS = {
    "report.html": "Evaluation",
    "alignment.html": "Alignment",
    "quarantine.html": "What could not be read",
}
_POLICY = {
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
}


@router.get("/reports")
async def listed(
    request: Request, service: CurrentService, visitor: Reader, name: str = "report.html"
) -> Response:
    """Show one report in its frame, and which there are."""
    there = [(file, told) for file, told in REPORTS.items() if _place(service, file).is_file()]
    chosen = name if name in dict(there) else (there[0][0] if there else "")
    return page(request, service, visitor, "reports", {"there": there, "chosen": chosen})


@router.get("/report/{name}")
async def report(name: str, service: CurrentService, visitor: Reader) -> Response:  # noqa: ARG001
    """Send one report."""
    if name not in REPORTS or not _place(service, name).is_file():
        raise refuse(404, "no such report", received=name, remedy="see /dashboard/reports")
    return FileResponse(_place(service, name), media_type="text/html", headers=_POLICY)


def _place(service: Service, name: str) -> Path:
    return service.settings.bundle / name
