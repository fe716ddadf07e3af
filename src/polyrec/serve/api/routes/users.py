"""Users: insert, change, list, delete."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from polyrec.database import records
from polyrec.serve.api.bodies import MAX_ROWS, json_body, read_rows
from polyrec.serve.api.pages import Listing
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
from polyrec.serve.responses import http_error, json_response
from polyrec.serve.service import CurrentService

router = APIRouter(tags=["users"])

_LISTING = Listing(
    "users",
    "Users",
    lambda c, after, count: records.list_users(c, after=after[0] if after else None, count=count),
    lambda user: (user.user_id,),
    user_out,
)


@router.post("/user", response_model=RowAffected)
async def insert_user(user: UserBody, service: CurrentService) -> Response:
    """Insert a user; an existing one is replaced."""
    record = user.record()
    count = await service.write(lambda connection: records.put_users(connection, [record]))
    return json_response({"RowAffected": count})


@router.post("/users", response_model=RowAffected, openapi_extra=json_body(UserBody, rows=MAX_ROWS))
async def insert_users(request: Request, service: CurrentService) -> Response:
    """Insert users; existing ones are replaced."""
    rows = await read_rows(request, service, UserBody, UserBody.record)
    count = await service.write(lambda connection: records.put_users(connection, rows))
    return json_response({"RowAffected": count})


@router.get("/user/{user_id}", response_model=UserBody)
async def get_user(user_id: PathId, service: CurrentService) -> Response:
    """Return a user; 404 for an unknown one."""
    user = await service.read(lambda connection: records.find_user(connection, user_id))
    if user is None:
        raise http_error(
            404, "unknown user", received=user_id, remedy="insert it with POST /api/user"
        )
    return json_response(user_out(user))


@router.patch("/user/{user_id}", response_model=RowAffected)
async def change_user(user_id: PathId, change: UserChange, service: CurrentService) -> Response:
    """Change the fields that are sent; RowAffected is 0 for an unknown user."""
    changes = change.changes()
    count = await service.write(lambda c: records.change_user(c, user_id, changes))
    return json_response({"RowAffected": count})


@router.delete("/user/{user_id}", response_model=RowAffected)
async def delete_user(user_id: PathId, service: CurrentService) -> Response:
    """Erase a user: record, feedback, change log and history in memory."""
    secret = service.database.secret
    count = await service.write(lambda c: records.delete_user(c, user_id, secret))
    await service.catch_up()
    return json_response({"RowAffected": count})


@router.get("/users", response_model=UserPage)
async def list_users(service: CurrentService, n: Count = None, cursor: Cursor = "") -> Response:
    """Return users by id, page by page."""
    return await _LISTING.page(service, n, cursor)
