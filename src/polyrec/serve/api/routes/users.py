"""Users: insert, change, list, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body
from fastapi.responses import Response

from polyrec.database import records
from polyrec.serve.api import cursor as cursors
from polyrec.serve.api.routes.pages import page_size
from polyrec.serve.api.schemas import (
    Count,
    Cursor,
    PathId,
    RowAffected,
    UserBody,
    UserChange,
    UserPage,
    user_out,
)
from polyrec.serve.responses import refuse, reply
from polyrec.serve.service import CurrentService

router = APIRouter(tags=["users"])
_LISTING = "users"


@router.post("/user", response_model=RowAffected)
async def insert_user(user: UserBody, service: CurrentService) -> Response:
    """Insert a user; one that is known is replaced."""
    record = user.record()
    count = await service.write(lambda connection: records.put_users(connection, [record]))
    return reply({"RowAffected": count})


@router.post("/users", response_model=RowAffected)
async def insert_users(
    users: Annotated[list[UserBody], Body(max_length=100_000)], service: CurrentService
) -> Response:
    """Insert users; those that are known are replaced."""
    given = [user.record() for user in users]
    count = await service.write(lambda connection: records.put_users(connection, given))
    return reply({"RowAffected": count})


@router.get("/user/{user_id}", response_model=UserBody)
async def get_user(user_id: PathId, service: CurrentService) -> Response:
    """Return a user; 404 for one that is unknown."""
    found = await service.read(lambda connection: records.find_user(connection, user_id))
    if found is None:
        raise refuse(404, "unknown user", received=user_id, remedy="insert it with POST /api/user")
    return reply(user_out(found))


@router.patch("/user/{user_id}", response_model=RowAffected)
async def change_user(user_id: PathId, change: UserChange, service: CurrentService) -> Response:
    """Change what is sent; RowAffected is 0 for a user that is unknown."""
    changes = change.changes()
    count = await service.write(lambda c: records.change_user(c, user_id, changes))
    return reply({"RowAffected": count})


@router.delete("/user/{user_id}", response_model=RowAffected)
async def delete_user(user_id: PathId, service: CurrentService) -> Response:
    """Erase a user: record, feedback, log and what is held in memory."""
    secret = service.database.secret
    count = await service.write(lambda c: records.delete_user(c, user_id, secret))
    await service.catch_up()
    return reply({"RowAffected": count})


@router.get("/users", response_model=UserPage)
async def list_users(service: CurrentService, n: Count = None, cursor: Cursor = "") -> Response:
    """Return users by id, page by page."""
    count = page_size(service, n)
    secret = service.database.secret
    place = cursors.unpack(cursor, listing=_LISTING, secret=secret)
    after = place[0] if place else None
    found = await service.read(lambda c: records.list_users(c, after=after, count=count + 1))
    following = ""
    if len(found) > count > 0:
        following = cursors.pack((found[count - 1].user_id,), listing=_LISTING, secret=secret)
    return reply({"Cursor": following, "Users": [user_out(user) for user in found[:count]]})
