"""Metrics for operators, outside the prefix /api."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from polyrec.serve.api.prometheus import CONTENT_TYPE, exposition
from polyrec.serve.service import CurrentService

router = APIRouter(tags=["operations"])


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(service: CurrentService) -> Response:
    """Return the metrics in Prometheus' text format."""
    text = await run_in_threadpool(exposition, service)
    return Response(text, media_type=CONTENT_TYPE)
