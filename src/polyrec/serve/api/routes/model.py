"""Which bundle answers, how old it is, and the way back to an earlier one."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from polyrec.artifact.bundle_registry import BundleRegistry
from polyrec.artifact.checksummed_folder import MANIFEST
from polyrec.database import records
from polyrec.errors import BundleError
from polyrec.serve.api.schemas import example
from polyrec.serve.api.timestamps import write_moment
from polyrec.serve.responses import refuse, reply
from polyrec.serve.service import CurrentService, Service

router = APIRouter(tags=["operations"])


class ModelOut(BaseModel):
    """The bundle that answers in this worker."""

    model_config = example(
        Version="000002", Made="2026-01-31T12:00:00Z", AgeSeconds=3600.0, Data="9f86d081...",
        Items=10_000, Added=12, Erased=0, Status={"live": 10_011, "queued": 1},
        Versions=["000001", "000002"], Way=["000001", "000002"],
    )  # fmt: skip

    Version: str
    Made: str
    AgeSeconds: float
    Data: str  # sha256 of the ids and events it was trained on
    Items: int  # that it was trained on
    Added: int  # since then
    Erased: int  # users erased since then: a refit takes them out of the files
    Status: dict[str, int]  # of the items in the database
    Versions: list[str]  # that are there
    Way: list[str]  # what was current, the last being so now


@router.get("/model", response_model=ModelOut)
async def get_model(service: CurrentService) -> Response:
    """Return which bundle answers, and which others are there."""
    return reply(await _told(service))


@router.post("/model/rollback", response_model=ModelOut, responses={409: {}})
async def roll_back(service: CurrentService) -> Response:
    """Make the bundle before this one current again; every worker changes within a second or two.

    409 where there is none before it.
    """
    shelf = BundleRegistry(service.settings.bundle)
    try:
        await run_in_threadpool(shelf.roll_back)
    except BundleError as error:
        raise refuse(409, error.what, received=error.received, remedy=error.remedy) from None
    service.model_updater.check_bundle()
    return reply(await _told(service))


async def _told(service: Service) -> dict[str, Any]:
    model = service.live.model
    shelf = BundleRegistry(service.settings.bundle)
    counts = await service.read(records.count_by_status)
    folder = shelf.folder if shelf.is_single else shelf.folder / model.version
    versions = [model.version] if shelf.is_single else await run_in_threadpool(shelf.names)
    try:
        made = (folder / MANIFEST).stat().st_mtime
    except OSError:  # deleted since it was loaded
        made = model.loaded_at
    return {
        "Version": model.version,
        "Made": write_moment(int(made * 1e6)),
        "AgeSeconds": time.time() - made,
        "Data": model.bundle.fingerprint,
        "Items": len(model.bundle.ids),
        "Added": len(model.rows.keys() - model.bundle.rows.keys()),
        "Erased": service.live.erased_since(model),
        "Status": counts,
        "Versions": versions,
        "Way": [] if shelf.is_single else shelf.history(),
    }
