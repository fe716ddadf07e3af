"""The bundle in service, its age, and the rollback to an earlier one."""

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
from polyrec.serve.api.schemas import schema_example
from polyrec.serve.api.timestamps import format_timestamp
from polyrec.serve.responses import http_error, json_response
from polyrec.serve.service import CurrentService, Service

router = APIRouter(tags=["operations"])


class ModelOut(BaseModel):
    """The bundle in service at this worker."""

    model_config = schema_example(
        Version="000002", Created="2026-01-31T12:00:00Z", AgeSeconds=3600.0, Data="9f86d081...",
        Items=10_000, Added=12, Erased=0, Status={"live": 10_011, "queued": 1},
        Versions=["000001", "000002"], History=["000001", "000002"],
    )  # fmt: skip

    Version: str
    Created: str
    AgeSeconds: float
    Data: str  # sha256 of the training ids and events
    Items: int  # in training
    Added: int  # since training
    Erased: int  # users in training, erased since: a refit removes them from the files
    Status: dict[str, int]  # of the items in the database
    Versions: list[str]  # all that are stored
    History: list[str]  # versions that were current, the present one last


@router.get("/model", response_model=ModelOut)
async def get_model(service: CurrentService) -> Response:
    """Return the bundle in service and the stored versions."""
    return json_response(await _body(service))


@router.post("/model/rollback", response_model=ModelOut, responses={409: {}})
async def roll_back(service: CurrentService) -> Response:
    """Make the previous bundle current again; every worker loads it within a second or two.

    409 if there is no previous one.
    """
    registry = BundleRegistry(service.settings.bundle)
    try:
        await run_in_threadpool(registry.roll_back)
    except BundleError as error:
        raise http_error(409, error.what, received=error.received, remedy=error.remedy) from None
    service.model_updater.check_bundle()
    return json_response(await _body(service))


async def _body(service: Service) -> dict[str, Any]:
    counts = await service.read(records.count_by_status)
    return await run_in_threadpool(_model_fields, service, counts)


def _model_fields(service: Service, counts: dict[str, int]) -> dict[str, Any]:
    model = service.live.model
    registry = BundleRegistry(service.settings.bundle)
    folder = registry.folder if registry.is_single else registry.folder / model.version
    versions = [model.version] if registry.is_single else registry.names()
    try:
        created = (folder / MANIFEST).stat().st_mtime
    except OSError:  # deleted since it was loaded
        created = model.loaded_at
    return {
        "Version": model.version,
        "Created": format_timestamp(int(created * 1e6)),
        "AgeSeconds": time.time() - created,
        "Data": model.bundle.fingerprint,
        "Items": len(model.bundle.ids),
        "Added": len(model.rows.keys() - model.bundle.rows.keys()),
        "Erased": service.live.erased_since(model),
        "Status": counts,
        "Versions": versions,
        "History": [] if registry.is_single else registry.history(),
    }
