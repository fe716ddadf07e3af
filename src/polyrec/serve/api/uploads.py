"""Take in uploaded content: streamed to a spool file, its size bounded, its type read from it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from polyrec.database.blobs import Spool
from polyrec.errors import nearest
from polyrec.media.sniff import HEAD, Kind, sniff
from polyrec.serve.background.item_encoder import MODALITIES
from polyrec.serve.responses import refuse
from polyrec.serve.service import Service

MEDIA_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""How OpenAPI tells of a route whose body is a file."""

_CHUNK = 2**20  # bytes written at once


def check_modality(modality: str) -> None:
    """Refuse a modality that nothing can be uploaded for."""
    if modality not in MODALITIES:
        raise refuse(404, "unknown modality", received=modality,
                     remedy=nearest(modality, MODALITIES))  # fmt: skip


@asynccontextmanager
async def received(request: Request, service: Service, modality: str) -> AsyncIterator[
    tuple[Spool, Kind]
]:  # fmt: skip
    """Give a request's body as a spool file that is what it is said to be, and its type."""
    spool = await run_in_threadpool(service.files.spool)
    with spool:
        head = await _fill(request, spool)
        yield spool, check_kind(head, modality)


def check_kind(head: bytes, modality: str) -> Kind:
    """Return what a file that begins so is; refuse one that is no `modality`."""
    if not head:
        raise refuse(400, "the body is empty", remedy="send the file itself as the body")
    kind = sniff(head)
    if modality not in kind.modalities:
        what = f"this is no {modality}"
        remedy = "send the file itself, as it is"
        raise refuse(415, what, received=kind.media_type, remedy=remedy)
    return kind


async def _fill(request: Request, spool: Spool) -> bytes:
    """Write the body into the spool file; return how it begins."""
    head = b""
    waiting = bytearray()
    async for chunk in request.stream():
        waiting += chunk
        if len(head) < HEAD:
            head += chunk[: HEAD - len(head)]
        if len(waiting) >= _CHUNK:
            await run_in_threadpool(spool.write, bytes(waiting))
            waiting.clear()
    await run_in_threadpool(spool.write, bytes(waiting))
    return head
