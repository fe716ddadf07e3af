"""Feedback: insert (adds to existing rows), put (replaces them), list, delete."""

from __future__ import annotations

from typing import cast

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.engine import Connection

from polyrec.database import change_log
from polyrec.database import feedback as table
from polyrec.serve.api.bodies import MAX_ROWS, json_body, read_rows
from polyrec.serve.api.pages import Listing
from polyrec.serve.api.schemas import (
    Count,
    Cursor,
    FeedbackBody,
    FeedbackPage,
    PathId,
    RowAffected,
    feedback_out,
)
from polyrec.serve.api.streams import json_list, json_stream, read_in_steps
from polyrec.serve.responses import http_error, json_response
from polyrec.serve.service import CurrentService, Service

router = APIRouter(tags=["feedback"])
_BODY = json_body(FeedbackBody, rows=MAX_ROWS)


@router.post("/feedback", response_model=RowAffected, openapi_extra=_BODY)
async def insert_feedback(request: Request, service: CurrentService) -> Response:
    """Insert feedback; the Value is added to that of the same type, user and item.

    Unknown users and items are created. The answer comes after the commit, and the next
    recommendation, from any worker, counts it. RowAffected is the number sent, as in Gorse.
    """
    return await _put(request, service, overwrite=False)


@router.put("/feedback", response_model=RowAffected, openapi_extra=_BODY)
async def put_feedback(request: Request, service: CurrentService) -> Response:
    """Insert feedback; of the same type, user and item, the existing one is replaced."""
    return await _put(request, service, overwrite=True)


@router.get("/feedback", response_model=FeedbackPage)
async def list_feedback(service: CurrentService, n: Count = None, cursor: Cursor = "") -> Response:
    """Return all feedback up to now, page by page."""
    return await _list(service, None, n, cursor)


@router.get("/feedback/{feedback_type}", response_model=FeedbackPage)
async def list_typed_feedback(
    feedback_type: PathId, service: CurrentService, n: Count = None, cursor: Cursor = ""
) -> Response:
    """Return all feedback of a type up to now, page by page."""
    return await _list(service, feedback_type, n, cursor)


@router.get("/feedback/{user_id}/{item_id}", response_model=list[FeedbackBody])
async def get_feedback(user_id: PathId, item_id: PathId, service: CurrentService) -> Response:
    """Return the feedback of a user on an item."""
    return await _find(service, user_id=user_id, item_id=item_id)


@router.delete("/feedback/{user_id}/{item_id}", response_model=RowAffected)
async def delete_feedback(user_id: PathId, item_id: PathId, service: CurrentService) -> Response:
    """Delete the feedback of a user on an item."""
    count = await service.write(lambda c: table.delete_feedback(c, user_id, item_id))
    return json_response({"RowAffected": count})


@router.get("/feedback/{feedback_type}/{user_id}/{item_id}", response_model=FeedbackBody)
async def get_typed_feedback(
    feedback_type: PathId, user_id: PathId, item_id: PathId, service: CurrentService
) -> Response:
    """Return the feedback of a type of a user on an item; 404 if there is none."""
    equal = {"user_id": user_id, "item_id": item_id, "feedback_type": feedback_type}
    rows = await service.read(lambda c: table.find_feedback(c, equal, count=1))
    if not rows:
        received = f"{feedback_type}/{user_id}/{item_id}"
        remedy = "see GET /api/feedback"
        raise http_error(404, "no such feedback", received=received, remedy=remedy)
    return json_response(feedback_out(rows[0]))


@router.delete("/feedback/{feedback_type}/{user_id}/{item_id}", response_model=RowAffected)
async def delete_typed_feedback(
    feedback_type: PathId, user_id: PathId, item_id: PathId, service: CurrentService
) -> Response:
    """Delete the feedback of a type of a user on an item."""
    count = await service.write(
        lambda c: table.delete_feedback(c, user_id, item_id, feedback_type=feedback_type)
    )
    return json_response({"RowAffected": count})


@router.get("/user/{user_id}/feedback", response_model=list[FeedbackBody])
async def user_feedback(user_id: PathId, service: CurrentService) -> Response:
    """Return a user's feedback up to now."""
    return await _find(service, user_id=user_id)


@router.get("/user/{user_id}/feedback/{feedback_type}", response_model=list[FeedbackBody])
async def typed_user_feedback(
    user_id: PathId, feedback_type: PathId, service: CurrentService
) -> Response:
    """Return a user's feedback of a type up to now."""
    return await _find(service, user_id=user_id, feedback_type=feedback_type)


@router.get("/item/{item_id}/feedback", response_model=list[FeedbackBody])
async def item_feedback(item_id: PathId, service: CurrentService) -> Response:
    """Return the feedback on an item."""
    return await _find(service, item_id=item_id)


@router.get("/item/{item_id}/feedback/{feedback_type}", response_model=list[FeedbackBody])
async def typed_item_feedback(
    item_id: PathId, feedback_type: PathId, service: CurrentService
) -> Response:
    """Return the feedback of a type on an item."""
    return await _find(service, item_id=item_id, feedback_type=feedback_type)


async def _put(request: Request, service: Service, *, overwrite: bool) -> Response:
    rows = await read_rows(request, service, FeedbackBody, FeedbackBody.record)
    # not urgent: the events count at once, only new items wait for the next model update
    await service.write(table.FeedbackWrite.of(rows, overwrite=overwrite), urgent=False)
    return json_response({"RowAffected": len(rows)})


async def _list(
    service: Service, feedback_type: str | None, n: int | None, cursor: str
) -> Response:
    def fetch(
        connection: Connection, after: tuple[str, ...] | None, count: int
    ) -> list[table.Feedback]:
        key = cast("table.FeedbackKey | None", after)
        return table.list_feedback(connection, feedback_type=feedback_type, after=key, count=count)

    name = f"feedback {feedback_type or ''}"
    listing = Listing(name, "Feedback", fetch, lambda row: row.key, feedback_out)
    return await listing.page(service, n, cursor)


async def _find(service: Service, **equal: str) -> Response:
    now = change_log.now_us()

    def fetch(
        connection: Connection, after: table.FeedbackKey | None, count: int
    ) -> list[table.Feedback]:
        return table.find_feedback(connection, equal, after=after, count=count)

    rows = read_in_steps(
        service, fetch, lambda row: row.key, after=None, count=service.settings.max_n
    )
    # feedback that a recommendation wrote back with a delay lies in the future
    past = (row for row in rows if "user_id" not in equal or row.is_due(now))
    return await json_stream(service, json_list(map(feedback_out, past)), is_light=True)
