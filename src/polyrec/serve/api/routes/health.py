"""Liveness and readiness."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter
from fastapi.responses import Response

from polyrec.serve.responses import json_response
from polyrec.serve.service import CurrentService, Service

router = APIRouter(tags=["health"])


@router.get("/health/live")
async def live(service: CurrentService) -> Response:
    """Answer 200 as long as the process responds."""
    return json_response(await _health(service))


@router.get("/health/ready")
async def ready(service: CurrentService) -> Response:
    """Answer 200 if requests can be served, else 503 with the reason."""
    health = await _health(service)
    return json_response(health, status=200 if health["Ready"] else 503)


async def _health(service: Service) -> dict[str, Any]:
    reason = None
    try:
        await service.read(lambda connection: connection.scalar(sa.select(1)))
    except sa.exc.SQLAlchemyError as error:
        # the driver's message may contain hosts and names: its type is enough
        reason = f"the database does not answer ({type(error).__name__})"
    model = service.live.model
    return {
        "Ready": reason is None,
        "DataStoreConnected": reason is None,
        "DataStoreError": reason,
        "CacheStoreConnected": True,  # Gorse's second store; here it is in this process
        "CacheStoreError": None,
        "Model": model.version,
        "Items": len(model.ids),
    }
