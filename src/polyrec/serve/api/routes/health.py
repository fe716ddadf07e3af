"""Liveness and readiness."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from polyrec.serve.background.readiness import Health
from polyrec.serve.responses import json_response
from polyrec.serve.service import CurrentService, Service

router = APIRouter(tags=["health"])


@router.get("/health/live")
async def live(service: CurrentService) -> Response:
    """Answer 200 as long as the process responds; the rest is what the last check showed."""
    return json_response(_body(service, service.readiness.latest))


@router.get("/health/ready")
async def ready(service: CurrentService) -> Response:
    """Answer 200 if the database reads and writes and the model answers, else 503 with reasons."""
    health = await service.readiness.check()
    return json_response(_body(service, health), status=200 if health.is_ready else 503)


def _body(service: Service, health: Health) -> dict[str, Any]:
    model = service.live.model
    return {
        "Ready": health.is_ready,
        "DataStoreConnected": not health.store,
        "DataStoreError": health.store or None,
        "CacheStoreConnected": True,  # Gorse's second store; here it is in this process
        "CacheStoreError": None,
        "Model": model.version,
        "ModelError": health.model or None,
        "Items": len(model.ids),
    }
