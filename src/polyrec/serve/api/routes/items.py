"""Items: insert, change, list, delete; their categories."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, HTTPException
from fastapi.responses import Response

from polyrec.database import records
from polyrec.serve.api import cursor as cursors
from polyrec.serve.api.routes.pages import page_size
from polyrec.serve.api.schemas import (
    Count,
    Cursor,
    ItemBody,
    ItemChange,
    ItemPage,
    PathId,
    RowAffected,
    item_out,
)
from polyrec.serve.responses import refuse, reply
from polyrec.serve.service import CurrentService

router = APIRouter(tags=["items"])
_LISTING = "items"


@router.post("/item", response_model=RowAffected)
async def insert_item(item: ItemBody, service: CurrentService) -> Response:
    """Insert an item; one that is known is replaced."""
    record = item.record()
    count = await service.write(lambda connection: records.put_items(connection, [record]))
    return reply({"RowAffected": count})


@router.post("/items", response_model=RowAffected)
async def insert_items(
    items: Annotated[list[ItemBody], Body(max_length=100_000)], service: CurrentService
) -> Response:
    """Insert items; those that are known are replaced."""
    given = [item.record() for item in items]
    count = await service.write(lambda connection: records.put_items(connection, given))
    return reply({"RowAffected": count})


@router.get("/item/{item_id}", response_model=ItemBody)
async def get_item(item_id: PathId, service: CurrentService) -> Response:
    """Return an item; 404 for one that is unknown."""
    found = await service.read(lambda connection: records.find_item(connection, item_id))
    if found is None:
        raise _unknown(item_id)
    return reply(item_out(found))


@router.patch("/item/{item_id}", response_model=RowAffected)
async def change_item(item_id: PathId, change: ItemChange, service: CurrentService) -> Response:
    """Change what is sent; RowAffected is 0 for an item that is unknown."""
    changes = change.changes()
    count = await service.write(lambda c: records.change_item(c, item_id, changes))
    return reply({"RowAffected": count})


@router.delete("/item/{item_id}", response_model=RowAffected)
async def delete_item(item_id: PathId, service: CurrentService) -> Response:
    """Delete an item and its feedback; it is in no list from now on."""
    count = await service.write(lambda connection: records.delete_item(connection, item_id))
    return reply({"RowAffected": count})


@router.get("/items", response_model=ItemPage)
async def list_items(service: CurrentService, n: Count = None, cursor: Cursor = "") -> Response:
    """Return items by id, page by page."""
    count = page_size(service, n)
    secret = service.database.secret
    place = cursors.unpack(cursor, listing=_LISTING, secret=secret)
    after = place[0] if place else None
    found = await service.read(lambda c: records.list_items(c, after=after, count=count + 1))
    following = ""
    if len(found) > count > 0:
        following = cursors.pack((found[count - 1].item_id,), listing=_LISTING, secret=secret)
    return reply({"Cursor": following, "Items": [item_out(item) for item in found[:count]]})


@router.put("/item/{item_id}/category/{category}", response_model=RowAffected)
async def insert_category(item_id: PathId, category: PathId, service: CurrentService) -> Response:
    """Put an item into a category; 404 for an item that is unknown."""
    count = await service.write(lambda c: records.add_category(c, item_id, category))
    if count is None:
        raise _unknown(item_id)
    return reply({"RowAffected": count})


@router.delete("/item/{item_id}/category/{category}", response_model=RowAffected)
async def delete_category(item_id: PathId, category: PathId, service: CurrentService) -> Response:
    """Take an item out of a category; 404 for an item that is unknown."""
    count = await service.write(lambda c: records.remove_category(c, item_id, category))
    if count is None:
        raise _unknown(item_id)
    return reply({"RowAffected": count})


def _unknown(item_id: str) -> HTTPException:
    return refuse(404, "unknown item", received=item_id, remedy="insert it with POST /api/item")
