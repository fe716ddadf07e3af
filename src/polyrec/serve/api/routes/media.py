"""An item's content: upload, show, take away; and what became of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from polyrec.database import item_media, records
from polyrec.database.item_media import KEPT, ItemFeature, MediaFile
from polyrec.database.records import ItemRecord
from polyrec.serve.api.schemas import PathId, RowAffected, example
from polyrec.serve.api.uploads import MEDIA_BODY, check_modality, received
from polyrec.serve.responses import refuse, reply
from polyrec.serve.service import CurrentService, Service

router = APIRouter(tags=["content"])
Modality = Annotated[str, Path(max_length=64, description="text, image, audio or video")]
_NOT_SO: dict[int | str, dict[str, Any]] = {415: {"description": "The body is something else"}}
# a page that shows a file must not let it be a page of its own
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Content-Disposition": "inline",
}


class MediumOut(BaseModel):
    """An uploaded file."""

    Type: str
    Size: int


class StatusOut(BaseModel):
    """Where an item stands: queued, live or quarantined, and why."""

    model_config = example(
        ItemId="i1", Status="live", Reason="", Found="scores",
        Views={"text": "read", "image": "damaged: cut off"},
        Media={"image": {"Type": "image/png", "Size": 80412}},
    )  # fmt: skip

    ItemId: str
    Status: str
    Reason: str
    Found: str  # by scores, content or popularity
    Views: dict[str, str]
    Media: dict[str, MediumOut]


@router.put(
    "/item/{item_id}/media/{modality}",
    response_model=RowAffected,
    responses=_NOT_SO,
    openapi_extra=MEDIA_BODY,
)
async def upload(
    item_id: PathId, modality: Modality, request: Request, service: CurrentService
) -> Response:
    """Upload a content of an item, the body being the file; it is read within moments.

    What it is, is told by its bytes. `GET /item/{item_id}/status` tells what became of it.
    """
    check_modality(modality)
    await _known(service, item_id)
    async with received(request, service, modality) as (spool, kind):
        digest = await run_in_threadpool(spool.keep)
        medium = MediaFile(item_id, modality, digest, kind.media_type, spool.size)
        known = await service.write(
            lambda connection: item_media.put_media_file(connection, medium)
        )
    if not known:  # deleted meanwhile
        raise _unknown(item_id)
    return reply({"RowAffected": 1})


@router.get(
    "/item/{item_id}/media/{modality}",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}},
)
async def download(item_id: PathId, modality: Modality, service: CurrentService) -> Response:
    """Return an uploaded content as it was sent; its type is what its bytes say."""
    check_modality(modality)
    found = await service.read(lambda c: item_media.find_media_file(c, item_id, modality))
    path = service.files.path(found.digest) if found is not None and found.digest else None
    if found is None or path is None or not path.is_file():
        remedy = f"upload it with PUT /api/item/{{item_id}}/media/{modality}"
        raise refuse(404, f"nothing was uploaded as {modality}", received=item_id, remedy=remedy)
    charset = "; charset=utf-8" if found.media_type == "text/plain" else ""
    return FileResponse(path, media_type=found.media_type + charset, headers=_SAFE)


@router.delete("/item/{item_id}/media/{modality}", response_model=RowAffected)
async def take_away(item_id: PathId, modality: Modality, service: CurrentService) -> Response:
    """Take a content away, also one that came with the bundle; 0 where there was none."""
    check_modality(modality)
    await _known(service, item_id)
    bundled = _bundled(service, item_id, modality)
    count = await service.write(
        lambda c: item_media.remove_media_file(c, item_id, modality, bundled=bundled)
    )
    return reply({"RowAffected": count})


@router.get("/item/{item_id}/status", response_model=StatusOut)
async def status(item_id: PathId, service: CurrentService) -> Response:
    """Return where an item stands; once it is live, the next request can find it."""
    item = await _known(service, item_id)
    state = service.model_updater.state
    features, media = await service.read(
        lambda c: (
            item_media.features_of(c, [item_id], state.encoder.encoder_digests).get(item_id, {}),
            item_media.media_of(c, [item_id]).get(item_id, {}),
        )
    )
    settled = item.status != records.QUEUED and service.model_updater.is_current(item)
    row = state.model.rows.get(item_id)
    found = (
        "popularity" if row is None else "scores" if row < state.model.scored_count else "content"
    )
    return reply({
        "ItemId": item_id,
        "Status": item.status if settled else records.QUEUED,
        "Reason": item.reason if settled else "",
        "Found": found,
        "Views": {view: _told(features.get(view), row) for view in state.encoder.encoder_digests},
        "Media": {
            name: {"Type": medium.media_type, "Size": medium.size}
            for name, medium in media.items() if medium.digest
        },
    })  # fmt: skip


def _told(feature: ItemFeature | None, row: int | None) -> str:
    if feature is None or feature.status == KEPT:
        return "as in the bundle" if row is not None else "not read yet"
    if feature.status:
        return f"{feature.status}: {feature.reason}"
    return "read" if feature.vector is not None else "nothing there"


def _bundled(service: Service, item_id: str, modality: str) -> bool:
    """Return whether the bundle has this content of an item."""
    bundle, encoder = service.model_updater.state.model.bundle, service.model_updater.state.encoder
    row = bundle.rows.get(item_id)
    views = [name for name in encoder.encoder_digests if encoder.content_name(name) == modality]
    return row is not None and any(bool(bundle.views[name].present[row]) for name in views)


async def _known(service: Service, item_id: str) -> ItemRecord:
    found: Any = await service.read(lambda connection: records.find_item(connection, item_id))
    if found is None:
        raise _unknown(item_id)
    item: ItemRecord = found
    return item


def _unknown(item_id: str) -> HTTPException:
    return refuse(404, "unknown item", received=item_id, remedy="insert it with POST /api/item")
