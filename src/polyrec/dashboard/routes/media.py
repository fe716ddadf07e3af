"""Pictures, sounds and videos, as the pages ask for them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response
from starlette.concurrency import run_in_threadpool

from polyrec.dashboard.contents import Contents
from polyrec.dashboard.session_user import Reader
from polyrec.database import item_media
from polyrec.evaluate.placeholder_image import initials
from polyrec.media.sniff import HEAD, sniff
from polyrec.serve.responses import refuse
from polyrec.serve.service import CurrentService, Service
from polyrec.types import Raw

router = APIRouter()
_KEPT = {"Cache-Control": "private, max-age=300"}
Id = Annotated[str, Query(max_length=300)]


def contents_of(request: Request, service: Service) -> Contents:
    """Return the content of the items of the bundle that answers."""
    bundle = service.live.model.bundle
    held = getattr(request.app.state, "contents", None)
    if held is None or held.bundle is not bundle:
        held = request.app.state.contents = Contents(bundle, service.sandbox)
    return held


@router.get("/picture")
async def picture(request: Request, service: CurrentService, visitor: Reader, id: Id) -> Response:  # noqa: ARG001
    """Send an item's small picture; without one, its initials on a colour of its own."""
    given = await uploaded(service, id)
    held = contents_of(request, service)
    found = await service.compute_limit.run(lambda: held.picture(id, given))
    if found is not None:
        return Response(found, media_type="image/jpeg", headers=_KEPT)
    return Response(initials(id, id[-4:]), media_type="image/svg+xml", headers=_KEPT)


@router.get("/media")
async def media(
    request: Request,
    service: CurrentService,
    visitor: Reader,  # noqa: ARG001 - checks who asks
    id: Id,
    kind: Annotated[str, Query(pattern="^(audio|video)$")],
) -> Response:
    """Send an item's sound or video, by ranges where the player asks for them."""
    given = await uploaded(service, id)
    raw = (await run_in_threadpool(contents_of(request, service).of, id, given)).get(kind)
    found = None if raw is None else await run_in_threadpool(playable, raw, kind)
    if raw is None or found is None:
        raise refuse(404, "nothing to play", received=kind, remedy="see the item's page")
    if isinstance(raw, Path):
        return FileResponse(raw, media_type=found, headers=_KEPT)
    body = raw if isinstance(raw, bytes) else b""
    return Response(body, media_type=found, headers=_KEPT)


async def uploaded(service: Service, item_id: str) -> dict[str, Path | None]:
    """Return the files that were uploaded for an item, None for what was taken away."""
    found = await service.read(lambda connection: item_media.media_of(connection, [item_id]))
    return {
        kind: service.files.path(medium.digest) if medium.digest else None
        for kind, medium in found.get(item_id, {}).items()
    }


def playable(raw: Raw, kind: str) -> str | None:
    """Return as what a browser may play a sound or video, by its first bytes; None: not at all."""
    found = sniff(_head(raw))
    if kind not in found.modalities:
        return None
    return "audio/ogg" if found.media_type == "application/ogg" else found.media_type


def _head(raw: Raw) -> bytes:
    if isinstance(raw, bytes):
        return raw[:HEAD]
    if not isinstance(raw, Path):
        return b""
    try:
        with raw.open("rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""
