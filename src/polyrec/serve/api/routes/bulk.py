"""Everything at once, for operators: bulk transfers as in Gorse, dump, restore, purge.

Files are JSON lines: in `bulk` one body of the kind a line, in a dump `{"User": {...}}`, `{"Item":
{...}}` or `{"Feedback": {...}}`, and with `media=true` `{"Media": {...}}`, which file is of which
item. Batches are stored as they arrive; sending a file again changes nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, File, Form, Query, Request, UploadFile
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool

from polyrec.database import feedback, item_media, records
from polyrec.database.blobs import BlobStore
from polyrec.database.item_media import MediaFile
from polyrec.database.purge import delete_everything
from polyrec.database.uploads import record_upload
from polyrec.errors import nearest
from polyrec.media.sniff import HEAD
from polyrec.serve.api import schemas
from polyrec.serve.api.schemas import Id, RowAffected
from polyrec.serve.api.uploads import MEDIA_BODY, check_file_type, check_modality
from polyrec.serve.background.item_encoder import MODALITIES
from polyrec.serve.responses import http_error, json_response
from polyrec.serve.service import CurrentService, Service

router = APIRouter(tags=["operations"])
_BATCH = 1_000  # records read, checked or written at once
_CHUNK_BYTES = 2**16
_MAX_LINE = 2**20  # bytes
WithMedia = Annotated[
    bool, Query(description="Also list which file is of which item; copy the files yourself.")
]
_CONFIRMED = {"delete_users", "delete_items", "delete_feedback", "delete_cache"}
_EXPORT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/jsonl": {"schema": {"type": "string"}}}}
}


@dataclass(frozen=True)
class RecordKind:
    """How records of a kind are read, written and shown."""

    name: str  # in a dump
    body: type[BaseModel]  # with `record()`
    page: Callable[[Connection, Any], Sequence[Any]]  # the records after one, by key
    put: Callable[[Connection, Sequence[Any]], int]
    show: Callable[[Any], dict[str, Any]]


KINDS = {
    "users": RecordKind(
        "User",
        schemas.UserBody,
        lambda c, last: records.list_users(c, after=last and last.user_id, count=_BATCH),
        records.put_users,
        schemas.user_out,
    ),
    "items": RecordKind(
        "Item",
        schemas.ItemBody,
        lambda c, last: records.list_items(c, after=last and last.item_id, count=_BATCH),
        records.put_items,
        schemas.item_out,
    ),
    "feedback": RecordKind(
        "Feedback",
        schemas.FeedbackBody,
        lambda c, last: feedback.list_feedback(
            c, feedback_type=None, after=last and last.key, count=_BATCH
        ),
        lambda c, rows: feedback.put_feedback(c, rows, overwrite=True),
        schemas.feedback_out,
    ),
}


class MediaLine(BaseModel):
    """The file of an item, by the digest of its bytes; an empty one: the bundle's was removed."""

    ItemId: Id
    Modality: Annotated[str, Field(json_schema_extra={"enum": [*MODALITIES]})]
    Digest: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")]

    def file(self, store: BlobStore) -> MediaFile:
        """Return the file, whose type is detected anew; raise `ValueError` if it is not there."""
        check_modality(self.Modality)
        if not self.Digest:
            return MediaFile(self.ItemId, self.Modality, "", "", 0)
        path = store.path(self.Digest)
        if not path.is_file():
            raise ValueError("this file is missing: copy the folder of uploaded files first")
        with path.open("rb") as file:
            kind = check_file_type(file.read(HEAD), self.Modality)
        size = path.stat().st_size
        return MediaFile(self.ItemId, self.Modality, self.Digest, kind.media_type, size)


def _media_page(connection: Connection, last: MediaFile | None) -> list[MediaFile]:
    after = (last.item_id, last.modality) if last else None
    return item_media.list_media(connection, after=after, count=_BATCH)


def _put_media(connection: Connection, files: Sequence[MediaFile]) -> int:
    for file in files:
        if file.digest:
            record_upload(connection, file.digest, file.size, key_id=None)
    return sum(item_media.put_media_file(connection, file) for file in files)


def _media_out(file: MediaFile) -> dict[str, Any]:
    return {"ItemId": file.item_id, "Modality": file.modality, "Digest": file.digest}


_MEDIA = "media"
_DUMPED = {**KINDS, _MEDIA: RecordKind("Media", MediaLine, _media_page, _put_media, _media_out)}


class RestoreAnswer(BaseModel):
    """How many records were stored, and in how many nanoseconds."""

    Users: int
    Items: int
    Feedback: int
    Media: int
    Duration: int


@router.get("/bulk/{kind}", response_class=Response, responses=_EXPORT)
async def export_bulk(kind: str, service: CurrentService) -> Response:
    """Return all users, items or feedback (up to now), one JSON body a line."""
    lines = _export(service, _kind(kind), labelled=False)
    headers = {"Content-Disposition": f"attachment;filename={kind}.jsonl"}
    return StreamingResponse(lines, media_type="application/jsonl", headers=headers)


@router.post("/bulk/{kind}", response_model=RowAffected)
async def import_bulk(
    kind: str, service: CurrentService, file: Annotated[UploadFile, File()]
) -> Response:
    """Insert users, items or feedback from a file of JSON lines; existing ones are replaced."""
    record_kind = _kind(kind)

    async def chunks() -> AsyncIterator[bytes]:
        """Yield the uploaded file."""
        while chunk := await file.read(_CHUNK_BYTES):
            yield chunk

    counts = await _import(service, chunks(), lambda line: (kind, _parse(record_kind, line)))
    return json_response({"RowAffected": counts[kind]})


@router.get("/dump", response_class=Response, responses=_EXPORT)
async def dump(service: CurrentService, media: WithMedia = False) -> Response:
    """Return all users, items and feedback (up to now) for `restore`; without files and models."""

    async def lines() -> AsyncIterator[bytes]:
        """Yield all rows of all kinds."""
        for name, kind in _DUMPED.items():
            if name == _MEDIA and not media:
                continue
            async for page in _export(service, kind, labelled=True):
                yield page

    return StreamingResponse(lines(), media_type="application/jsonl")


@router.post("/restore", response_model=RestoreAnswer, openapi_extra=MEDIA_BODY)
async def restore(request: Request, service: CurrentService) -> Response:
    """Insert what a dump holds; existing records are replaced, others stay."""
    by_label = {kind.name: name for name, kind in _DUMPED.items()}

    def parse(line: bytes) -> tuple[str, Any]:
        """Return the kind of a line and its row."""
        value = orjson.loads(line)
        label = next(iter(value)) if isinstance(value, dict) and len(value) == 1 else ""
        if label not in by_label:
            raise ValueError("not a line of a dump")
        kind = by_label[label]
        if kind == _MEDIA:
            return kind, MediaLine.model_validate(value[label]).file(service.files)
        return kind, _record(KINDS[kind], value[label])

    start = time.perf_counter_ns()
    counts = await _import(service, request.stream(), parse)
    body = {name.capitalize(): counts[name] for name in _DUMPED}
    return json_response({**body, "Duration": time.perf_counter_ns() - start})


@router.post("/purge", response_model=RowAffected)
async def purge(service: CurrentService, check_list: Annotated[str, Form()] = "") -> Response:
    """Delete all users, items and feedback; the form must name all four of Gorse's check list."""
    if set(check_list.split(",")) != _CONFIRMED:
        remedy = f"send check_list={','.join(sorted(_CONFIRMED))}"
        raise http_error(400, "confirm the purge", received=check_list, remedy=remedy)
    secret = service.database.secret
    count = await service.write(lambda connection: delete_everything(connection, secret))
    await service.catch_up()
    return json_response({"RowAffected": count})


def _kind(name: str) -> RecordKind:
    if name not in KINDS:
        raise http_error(404, "no such records", received=name, remedy=nearest(name, KINDS))
    return KINDS[name]


async def _export(service: Service, kind: RecordKind, *, labelled: bool) -> AsyncIterator[bytes]:
    """Yield the records as JSON lines, a batch at a time."""
    last: Any = None

    def page(connection: Connection) -> tuple[Any, bytes]:
        rows = kind.page(connection, last)
        bodies = [{kind.name: kind.show(row)} if labelled else kind.show(row) for row in rows]
        return (rows[-1] if rows else None), b"".join(orjson.dumps(b) + b"\n" for b in bodies)

    while True:
        last, lines = await service.read(page)
        if last is None:
            return
        yield lines


async def _import(
    service: Service,
    chunks: AsyncIterator[bytes],
    parse: Callable[[bytes], tuple[str, Any]],
) -> Counter[str]:
    """Store the records of JSON lines in batches; return how many of each kind."""
    counts: Counter[str] = Counter()
    batch: list[bytes] = []
    first = 1  # the number of the batch's first line
    async for line in _lines(chunks):
        batch.append(line)
        if len(batch) == _BATCH:
            counts += await _store(service, batch, parse, first)
            first, batch = first + len(batch), []
    return counts + await _store(service, batch, parse, first)


async def _store(
    service: Service,
    lines: list[bytes],
    parse: Callable[[bytes], tuple[str, Any]],
    first: int,
) -> Counter[str]:
    by_kind: dict[str, list[Any]] = {}

    def check() -> None:
        for number, line in enumerate(lines, first):
            try:
                if line.strip():
                    kind, record = parse(line)
                    by_kind.setdefault(kind, []).append(record)
            except (ValueError, ValidationError) as error:
                remedy = "correct it and send the file again; the batches before it are stored"
                reason = str(error).replace("\n", " ")
                raise http_error(
                    400, f"line {number:,} is invalid: {reason}", received=line[:200], remedy=remedy
                ) from None

    def put(connection: Connection) -> None:
        for kind, rows in by_kind.items():
            _DUMPED[kind].put(connection, rows)

    await run_in_threadpool(check)
    if by_kind:
        await service.write(put)
    return Counter({kind: len(rows) for kind, rows in by_kind.items()})


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > _MAX_LINE:
            remedy = f"a line has at most {_MAX_LINE:,} bytes"
            raise http_error(400, "a line is too long", received=rest[:200], remedy=remedy)
        for line in lines:
            yield line
    yield rest


def _parse(kind: RecordKind, line: bytes) -> Any:
    return _record(kind, orjson.loads(line))


def _record(kind: RecordKind, value: Any) -> Any:
    body: Any = kind.body.model_validate(value)
    return body.record()
