"""Feedback: insert (what is there stays), put (it is replaced), list, delete."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Body
from fastapi.responses import Response

from polyrec.database import change_log
from polyrec.database import feedback as store
from polyrec.serve.api import cursor as cursors
from polyrec.serve.api.routes.pages import page_size
from polyrec.serve.api.schemas import (
    Count,
    Cursor,
    FeedbackBody,
    FeedbackPage,
    PathId,
    RowAffected,
    feedback_out,
)
from polyrec.serve.responses import refuse, reply
from polyrec.serve.service import CurrentService, Service

router = APIRouter(tags=["feedback"])
Given = Annotated[list[FeedbackBody], Body(max_length=100_000)]


@router.post("/feedback", response_model=RowAffected)
async def insert_feedback(given: Given, service: CurrentService) -> Response:
    """Insert feedback; of what is known already (type, user and item), the old stays.

    Unknown users and items are made. The answer comes after the commit, and the next
    recommendation, of any worker, counts it. RowAffected is how many were sent, as in Gorse.
    """
    return await _put(service, given, overwrite=False)


@router.put("/feedback", response_model=RowAffected)
async def put_feedback(given: Given, service: CurrentService) -> Response:
    """Insert feedback; what is known already (type, user and item) is replaced."""
    return await _put(service, given, overwrite=True)


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
    """Return the feedback between a user and an item."""
    return await _found(service, user_id=user_id, item_id=item_id)


@router.delete("/feedback/{user_id}/{item_id}", response_model=RowAffected)
async def delete_feedback(user_id: PathId, item_id: PathId, service: CurrentService) -> Response:
    """Delete the feedback between a user and an item."""
    count = await service.write(lambda c: store.delete_feedback(c, user_id, item_id))
    return reply({"RowAffected": count})


@router.get("/feedback/{feedback_type}/{user_id}/{item_id}", response_model=FeedbackBody)
async def get_typed_feedback(
    feedback_type: PathId, user_id: PathId, item_id: PathId, service: CurrentService
) -> Response:
    """Return the feedback of a type between a user and an item; 404 where there is none."""
    equal = {"user_id": user_id, "item_id": item_id, "feedback_type": feedback_type}
    found = await service.read(lambda c: store.find_feedback(c, count=1, **equal))
    if not found:
        received = f"{feedback_type}/{user_id}/{item_id}"
        raise refuse(404, "no such feedback", received=received, remedy="see GET /api/feedback")
    return reply(feedback_out(found[0]))


@router.delete("/feedback/{feedback_type}/{user_id}/{item_id}", response_model=RowAffected)
async def delete_typed_feedback(
    feedback_type: PathId, user_id: PathId, item_id: PathId, service: CurrentService
) -> Response:
    """Delete the feedback of a type between a user and an item."""
    count = await service.write(
        lambda c: store.delete_feedback(c, user_id, item_id, feedback_type=feedback_type)
    )
    return reply({"RowAffected": count})


@router.get("/user/{user_id}/feedback", response_model=list[FeedbackBody])
@router.get("/user/{user_id}/feedback/", include_in_schema=False)
async def user_feedback(user_id: PathId, service: CurrentService) -> Response:
    """Return a user's feedback up to now."""
    return await _found(service, user_id=user_id)


@router.get("/user/{user_id}/feedback/{feedback_type}", response_model=list[FeedbackBody])
async def typed_user_feedback(
    user_id: PathId, feedback_type: PathId, service: CurrentService
) -> Response:
    """Return a user's feedback of a type up to now."""
    return await _found(service, user_id=user_id, feedback_type=feedback_type)


@router.get("/item/{item_id}/feedback/", response_model=list[FeedbackBody])
@router.get("/item/{item_id}/feedback", include_in_schema=False)
async def item_feedback(item_id: PathId, service: CurrentService) -> Response:
    """Return the feedback on an item."""
    return await _found(service, item_id=item_id)


@router.get("/item/{item_id}/feedback/{feedback_type}", response_model=list[FeedbackBody])
async def typed_item_feedback(
    item_id: PathId, feedback_type: PathId, service: CurrentService
) -> Response:
    """Return the feedback of a type on an item."""
    return await _found(service, item_id=item_id, feedback_type=feedback_type)


async def _put(service: Service, given: list[FeedbackBody], *, overwrite: bool) -> Response:
    rows = [feedback.record() for feedback in given]
    # it counts at once; items that nobody knew wait for the keeper's next look
    await service.write(lambda c: store.put_feedback(c, rows, overwrite=overwrite), urgent=False)
    return reply({"RowAffected": len(rows)})


async def _list(
    service: Service, feedback_type: str | None, n: int | None, cursor: str
) -> Response:
    count = page_size(service, n)
    secret, listing = service.database.secret, f"feedback {feedback_type or ''}"
    place = cursors.unpack(cursor, listing=listing, secret=secret)
    after = cast("tuple[str, str, str] | None", place)
    found = await service.read(
        lambda c: store.list_feedback(c, feedback_type=feedback_type, after=after, count=count + 1)
    )
    following = ""
    if len(found) > count > 0:
        last = found[count - 1]
        key = (last.user_id, last.item_id, last.feedback_type)
        following = cursors.pack(key, listing=listing, secret=secret)
    return reply({"Cursor": following, "Feedback": [feedback_out(f) for f in found[:count]]})


async def _found(service: Service, **equal: str) -> Response:
    most = service.settings.max_n
    found = await service.read(lambda c: store.find_feedback(c, count=most, **equal))
    now = change_log.now_us()
    # of the future there is what recommendations wrote back with a delay: it has not happened yet
    happened = [f for f in found if "user_id" not in equal or (f.timestamp or 0) <= now]
    return reply([feedback_out(feedback) for feedback in happened])
