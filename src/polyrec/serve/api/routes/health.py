"""Whether the service is alive, and whether it is ready to answer."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter
from fastapi.responses import Response

from polyrec.serve.responses import reply
from polyrec.serve.service import CurrentService, Service

router = APIRouter(tags=["health"])


@router.get("/health/live")
async def live(service: CurrentService) -> Response:
    """Answer as long as the process does its work."""
    return reply(await _health(service))


@router.get("/health/ready")
async def ready(service: CurrentService) -> Response:
    """Answer 200 if requests can be served, 503 with the reason if not."""
    found = await _health(service)
    return reply(found, status=200 if found["Ready"] else 503)


async def _health(service: Service) -> dict[str, Any]:
    reason = None
    try:
        await service.read(lambda connection: connection.scalar(sa.select(1)))
    except sa.exc.SQLAlchemyError as error:
        # the driver's words may hold hosts and names: the kind is enough
        reason = f"the database does not answer ({type(error).__name__})"
    model = service.live.model
    return {
        "Ready": reason is None,
        "DataStoreConnected": reason is None,
        "DataStoreError": reason,
        "CacheStoreConnected": True,  # Gorse's second store; here it is this process
        "CacheStoreError": None,
        "Model": model.version,
        "Items": len(model.ids),
    }
