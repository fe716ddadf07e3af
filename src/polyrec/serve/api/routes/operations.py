"""What those ask who run the service: figures, outside the prefix /api."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from polyrec.serve.api.prometheus import CONTENT_TYPE, exposition
from polyrec.serve.service import CurrentService

router = APIRouter(tags=["operations"])


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(service: CurrentService) -> Response:
    """Return figures in Prometheus' text form."""
    found = await run_in_threadpool(exposition, service)
    return Response(found, media_type=CONTENT_TYPE)
