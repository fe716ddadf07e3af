"""The files of an item: upload, download, remove; and the item's status."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool

from polyrec.database import item_media, records
from polyrec.database.item_media import KEPT, ItemFeature, MediaFile
from polyrec.database.records import ItemRecord
from polyrec.database.uploads import record_upload
from polyrec.serve.api.schemas import PathId, RowAffected, schema_example
from polyrec.serve.api.uploads import MEDIA_BODY, check_modality, receive_upload
from polyrec.serve.background.item_encoder import MODALITIES
from polyrec.serve.responses import http_error, json_response
from polyrec.serve.service import CurrentService, Service

router = APIRouter(tags=["content"])
Modality = Annotated[str, Path(max_length=64, json_schema_extra={"enum": [*MODALITIES]})]
_WRONG_TYPE: dict[int | str, dict[str, Any]] = {
    415: {"description": "The file is of another modality"},
    507: {"description": "The quota of uploads is used up"},
}
# an uploaded file must not run as a page of this site
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
    """The status of an item (queued, live or quarantined), its reason and its content."""

    model_config = schema_example(
        ItemId="i1", Status="live", Reason="", Source="scores",
        Views={"text": "read", "image": "damaged: cut off"},
        Media={"image": {"Type": "image/png", "Size": 80412}},
    )  # fmt: skip

    ItemId: str
    Status: str
    Reason: str
    Source: str  # by scores, content or popularity
    Views: dict[str, str]
    Media: dict[str, MediumOut]


@router.put(
    "/item/{item_id}/media/{modality}",
    response_model=RowAffected,
    responses=_WRONG_TYPE,
    openapi_extra=MEDIA_BODY,
)
async def upload(
    item_id: PathId, modality: Modality, request: Request, service: CurrentService
) -> Response:
    """Upload a file of an item as the body; it is encoded within moments.

    Its type is detected from its bytes. `GET /item/{item_id}/status` has the outcome.
    """
    check_modality(modality)
    await _find_item(service, item_id)
    async with receive_upload(request, service, modality) as upload:
        digest, size = await run_in_threadpool(upload.spool.keep), upload.spool.size
        file = MediaFile(item_id, modality, digest, upload.kind.media_type, size)

        def store(connection: Connection) -> bool:
            """Count the upload and store what it is of."""
            record_upload(connection, digest, size, key_id=request.scope.get("key"))
            return item_media.put_media_file(connection, file)

        stored = await service.write(store)
        upload.allowance.count_stored()
    if not stored:  # the item was deleted meanwhile
        raise _unknown(item_id)
    return json_response({"RowAffected": 1})


@router.get(
    "/item/{item_id}/media/{modality}",
    response_class=Response,
    responses={200: {"content": {"image/*": {}, "audio/*": {}, "video/*": {}, "text/plain": {}}}},
)
async def download(item_id: PathId, modality: Modality, service: CurrentService) -> Response:
    """Return an uploaded file unchanged, with the type detected from its bytes."""
    check_modality(modality)
    file = await service.read(lambda c: item_media.find_media_file(c, item_id, modality))
    path = service.files.path(file.digest) if file is not None and file.digest else None
    if file is None or path is None or not path.is_file():
        remedy = f"upload it with PUT /api/item/{{item_id}}/media/{modality}"
        raise http_error(404, f"no {modality} was uploaded", received=item_id, remedy=remedy)
    charset = "; charset=utf-8" if file.media_type == "text/plain" else ""
    return FileResponse(path, media_type=file.media_type + charset, headers=_SAFE)


@router.delete("/item/{item_id}/media/{modality}", response_model=RowAffected)
async def take_away(item_id: PathId, modality: Modality, service: CurrentService) -> Response:
    """Remove the content of a modality, also one from the bundle; RowAffected is 0 without one."""
    check_modality(modality)
    await _find_item(service, item_id)
    bundled = _bundled(service, item_id, modality)
    count = await service.write(
        lambda c: item_media.remove_media_file(c, item_id, modality, bundled=bundled)
    )
    return json_response({"RowAffected": count})


@router.get("/item/{item_id}/status", response_model=StatusOut)
async def status(item_id: PathId, service: CurrentService) -> Response:
    """Return the status of an item; once it is live, the next request can recommend it."""
    item = await _find_item(service, item_id)
    state = service.model_updater.state
    features, media = await service.read(
        lambda c: (
            item_media.features_of(c, [item_id], state.encoder.encoder_digests).get(item_id, {}),
            item_media.media_of(c, [item_id]).get(item_id, {}),
        )
    )
    processed = item.status == records.UNDESCRIBED or (
        item.status != records.QUEUED and service.model_updater.is_current(item)
    )
    row = state.model.rows.get(item_id)
    source = (
        "popularity" if row is None else "scores" if row < state.model.scored_count else "content"
    )
    return json_response({
        "ItemId": item_id,
        "Status": item.status if processed else records.QUEUED,
        "Reason": item.reason if processed else "",
        "Source": source,
        "Views": {
            view: _view_status(features.get(view), row) for view in state.encoder.encoder_digests
        },
        "Media": {
            modality: {"Type": file.media_type, "Size": file.size}
            for modality, file in media.items() if file.digest
        },
    })  # fmt: skip


def _view_status(feature: ItemFeature | None, row: int | None) -> str:
    if feature is None or feature.status == KEPT:
        return "as in the bundle" if row is not None else "not read yet"
    if feature.status:
        return f"{feature.status}: {feature.reason}"
    return "read" if feature.vector is not None else "nothing there"


def _bundled(service: Service, item_id: str, modality: str) -> bool:
    """Return whether the bundle has content of this modality for an item."""
    state = service.model_updater.state
    bundle, encoder = state.model.bundle, state.encoder
    row = bundle.rows.get(item_id)
    views = [name for name in encoder.encoder_digests if bundle.content_name(name) == modality]
    return row is not None and any(bool(bundle.views[name].present[row]) for name in views)


async def _find_item(service: Service, item_id: str) -> ItemRecord:
    item = await service.read(lambda connection: records.find_item(connection, item_id))
    if item is None:
        raise _unknown(item_id)
    return item


def _unknown(item_id: str) -> HTTPException:
    return http_error(404, "unknown item", received=item_id, remedy="insert it with POST /api/item")
