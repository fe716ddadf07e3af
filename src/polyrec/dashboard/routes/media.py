"""Thumbnails, audio and video of the pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response
from starlette.concurrency import run_in_threadpool

from polyrec.dashboard.bundle_media import BundleMedia
from polyrec.dashboard.session_user import ReadUser
from polyrec.database import item_media
from polyrec.evaluate.pages.charts import initials_svg
from polyrec.media.sniff import HEAD, sniff
from polyrec.serve.responses import http_error
from polyrec.serve.service import CurrentService, Service
from polyrec.types import Raw

router = APIRouter()
_CACHED = {"Cache-Control": "private, max-age=300"}
Id = Annotated[str, Query(max_length=300)]


def bundle_media(request: Request, service: Service) -> BundleMedia:
    """Return the media of the bundle in service."""
    bundle = service.live.model.bundle
    current = getattr(request.app.state, "bundle_media", None)
    if current is None or current.bundle is not bundle:
        current = request.app.state.bundle_media = BundleMedia(bundle, service.sandbox)
    return current


@router.get("/picture")
async def thumbnail(request: Request, service: CurrentService, user: ReadUser, id: Id) -> Response:  # noqa: ARG001
    """Send the thumbnail of an item; without an image, its initials on a colour of its own."""
    uploads = await uploaded_media(service, id)
    media = bundle_media(request, service)
    jpeg = await service.compute_limit.run(lambda: media.thumbnail(id, uploads))
    if jpeg is not None:
        return Response(jpeg, media_type="image/jpeg", headers=_CACHED)
    return Response(initials_svg(id, id[-4:]), media_type="image/svg+xml", headers=_CACHED)


@router.get("/media")
async def audio_or_video(
    request: Request,
    service: CurrentService,
    user: ReadUser,  # noqa: ARG001 - the permission check
    id: Id,
    kind: Annotated[str, Query(pattern="^(audio|video)$")],
) -> Response:
    """Send the audio or video of an item, a range of bytes if the player requests one."""
    uploads = await uploaded_media(service, id)
    contents = await run_in_threadpool(bundle_media(request, service).contents, id, uploads)
    raw = contents.get(kind)
    media_type = None if raw is None else await run_in_threadpool(browser_media_type, raw, kind)
    if raw is None or media_type is None:
        raise http_error(404, f"no playable {kind}", received=id, remedy="see the item's page")
    if isinstance(raw, Path):
        return FileResponse(raw, media_type=media_type, headers=_CACHED)
    body = raw if isinstance(raw, bytes) else b""
    return Response(body, media_type=media_type, headers=_CACHED)


async def uploaded_media(service: Service, item_id: str) -> dict[str, Path | None]:
    """Return modality -> uploaded file of an item, None for removed content."""
    files = await service.read(lambda connection: item_media.media_of(connection, [item_id]))
    return {
        modality: service.files.path(file.digest) if file.digest else None
        for modality, file in files.get(item_id, {}).items()
    }


def browser_media_type(raw: Raw, kind: str) -> str | None:
    """Return the media type of audio or video by its first bytes, None if it is of another kind."""
    detected = sniff(_head(raw))
    if kind not in detected.modalities:
        return None
    return "audio/ogg" if detected.media_type == "application/ogg" else detected.media_type


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
