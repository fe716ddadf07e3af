"""Uploads: streamed to a temporary file, the file type detected from the content."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from polyrec.database.blobs import Spool
from polyrec.errors import nearest
from polyrec.media.sniff import HEAD, Kind, sniff
from polyrec.serve.background.item_encoder import MODALITIES
from polyrec.serve.background.upload_quota import Allowance
from polyrec.serve.responses import http_error
from polyrec.serve.service import Service

MEDIA_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""The OpenAPI description of a body that is a file."""

_CHUNK_BYTES = 2**20  # written at once


def check_modality(modality: str) -> None:
    """Raise 404 for a modality without uploads."""
    if modality not in MODALITIES:
        raise http_error(404, "unknown modality", received=modality,
                         remedy=nearest(modality, MODALITIES))  # fmt: skip


class Upload(NamedTuple):
    """The body of a request as a spool file."""

    spool: Spool
    kind: Kind
    allowance: Allowance


@asynccontextmanager
async def receive_upload(
    request: Request, service: Service, modality: str
) -> AsyncIterator[Upload]:
    """Yield the body of a request; raise 415 for another modality, 503 or 507 beyond a quota."""
    async with service.upload_quota.allowance(request.scope.get("key")) as allowance:
        spool = await run_in_threadpool(service.files.spool)
        with spool:
            head = await _fill(request, spool, allowance)
            yield Upload(spool, check_file_type(head, modality), allowance)


def check_file_type(head: bytes, modality: str) -> Kind:
    """Return the type of a file by its first bytes; raise 415 for one of another modality."""
    if not head:
        raise http_error(400, "the body is empty", remedy="send the file itself as the body")
    kind = sniff(head)
    if modality not in kind.modalities:
        what = f"the file contains no {modality}"
        remedy = "send the unmodified file as the body"
        raise http_error(415, what, received=kind.media_type, remedy=remedy)
    return kind


async def _fill(request: Request, spool: Spool, allowance: Allowance) -> bytes:
    """Write the body to the spool file; return its first bytes."""
    head = b""
    buffer = bytearray()
    async for chunk in request.stream():
        buffer += chunk
        if len(head) < HEAD:
            head += chunk[: HEAD - len(head)]
        if len(buffer) >= _CHUNK_BYTES:
            allowance.take(len(buffer))
            await run_in_threadpool(spool.write, bytes(buffer))
            buffer.clear()
    allowance.take(len(buffer))
    await run_in_threadpool(spool.write, bytes(buffer))
    return head
