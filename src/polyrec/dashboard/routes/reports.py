"""The HTML reports of the bundles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response
from starlette.concurrency import run_in_threadpool

from polyrec.artifact.bundle_registry import BundleRegistry
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


Bundle = Annotated[str, Query(max_length=200, description="One of a served folder.")]


@router.get("/reports")
async def reports(
    request: Request,
    service: CurrentService,
    user: ReadUser,
    name: str = "report.html",
    bundle: Bundle = "",
) -> Response:
    """Show a report of a bundle in a frame, and links to the others and to those of other bundles.

    Without a choice the bundle is the served one, or the latest that has a report.
    """
    existing = await run_in_threadpool(_existing, service)
    current = service.live.model.version
    if bundle not in existing:
        bundle = current if current in existing else next(iter(existing), "")
    files = existing.get(bundle, [])
    chosen = name if name in files else next(iter(files), "")
    values = {
        "bundles": list(existing),
        "bundle": bundle,
        "current": current,
        "reports": [(file, REPORTS[file]) for file in files],
        "chosen": chosen,
    }
    return render_page(request, service, user, "reports", values)


@router.get("/report/{name}")
async def report(
    name: str,
    service: CurrentService,
    user: ReadUser,  # noqa: ARG001
    bundle: Bundle = "",
) -> Response:
    """Send one report."""
    existing = await run_in_threadpool(_existing, service)
    if name not in existing.get(bundle, ()):
        raise http_error(404, "no such report", received=name, remedy="see /dashboard/reports")
    path = bundle_folders(service)[bundle] / name
    return FileResponse(path, media_type="text/html", headers=_HEADERS)


def bundle_folders(service: Service) -> dict[str, Path]:
    """Return version -> folder of every bundle that is served or could be, the newest first."""
    registry = BundleRegistry(service.settings.bundle)
    if registry.is_single:
        return {service.live.model.version: registry.folder}
    return {name: registry.folder / name for name in reversed(registry.names())}


def _existing(service: Service) -> dict[str, list[str]]:
    """Return version -> files of its reports, of the bundles that have any."""
    files = {
        version: [name for name in REPORTS if (folder / name).is_file()]
        for version, folder in bundle_folders(service).items()
    }
    return {version: names for version, names in files.items() if names}
