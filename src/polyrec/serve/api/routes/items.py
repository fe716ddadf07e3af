"""Items and their categories: insert, change, list, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, HTTPException, Query
from fastapi.responses import Response

from polyrec.artifact.item_search import SearchQuery
from polyrec.database import records
from polyrec.serve.api.cursor import decode_cursor, encode_cursor
from polyrec.serve.api.routes.pages import page_size
from polyrec.serve.api.routes.search import run_search
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
from polyrec.serve.ranking.catalog_search import CatalogSearch
from polyrec.serve.responses import http_error, json_response
from polyrec.serve.service import CurrentService, Service

router = APIRouter(tags=["items"])
_LISTING = "items"
Words = Annotated[str, Query(max_length=2_000, description="Search for these words.")]


@router.post("/item", response_model=RowAffected)
async def insert_item(item: ItemBody, service: CurrentService) -> Response:
    """Insert an item; an existing one is replaced."""
    record = item.record()
    count = await service.write(lambda connection: records.put_items(connection, [record]))
    return json_response({"RowAffected": count})


@router.post("/items", response_model=RowAffected)
async def insert_items(
    items: Annotated[list[ItemBody], Body(max_length=100_000)], service: CurrentService
) -> Response:
    """Insert items; existing ones are replaced."""
    rows = [item.record() for item in items]
    count = await service.write(lambda connection: records.put_items(connection, rows))
    return json_response({"RowAffected": count})


@router.get("/item/{item_id}", response_model=ItemBody)
async def get_item(item_id: PathId, service: CurrentService) -> Response:
    """Return an item; 404 for an unknown one."""
    item = await service.read(lambda connection: records.find_item(connection, item_id))
    if item is None:
        raise _unknown(item_id)
    return json_response(item_out(item))


@router.patch("/item/{item_id}", response_model=RowAffected)
async def change_item(item_id: PathId, change: ItemChange, service: CurrentService) -> Response:
    """Change the fields that are sent; RowAffected is 0 for an unknown item."""
    changes = change.changes()
    count = await service.write(lambda c: records.change_item(c, item_id, changes))
    return json_response({"RowAffected": count})


@router.delete("/item/{item_id}", response_model=RowAffected)
async def delete_item(item_id: PathId, service: CurrentService) -> Response:
    """Delete an item and its feedback; it leaves all lists at once."""
    count = await service.write(lambda connection: records.delete_item(connection, item_id))
    return json_response({"RowAffected": count})


@router.get("/items", response_model=ItemPage)
async def list_items(
    service: CurrentService, n: Count = None, cursor: Cursor = "", q: Words = ""
) -> Response:
    """Return items by id, page by page; with `q`, those that suit these words best."""
    count = page_size(service, n)
    if q.strip():
        items = await _search(service, q, count)
        return json_response({"Cursor": "", "Items": [item_out(item) for item in items]})
    secret = service.database.secret
    key = decode_cursor(cursor, listing=_LISTING, secret=secret)
    after = key[0] if key else None
    items = await service.read(lambda c: records.list_items(c, after=after, count=count + 1))
    next_cursor = ""
    if len(items) > count > 0:
        next_cursor = encode_cursor((items[count - 1].item_id,), listing=_LISTING, secret=secret)
    return json_response({"Cursor": next_cursor, "Items": [item_out(i) for i in items[:count]]})


@router.put("/item/{item_id}/category/{category}", response_model=RowAffected)
async def insert_category(item_id: PathId, category: PathId, service: CurrentService) -> Response:
    """Add an item to a category; 404 for an unknown item."""
    count = await service.write(lambda c: records.add_category(c, item_id, category))
    if count is None:
        raise _unknown(item_id)
    return json_response({"RowAffected": count})


@router.delete("/item/{item_id}/category/{category}", response_model=RowAffected)
async def delete_category(item_id: PathId, category: PathId, service: CurrentService) -> Response:
    """Remove an item from a category; 404 for an unknown item."""
    count = await service.write(lambda c: records.remove_category(c, item_id, category))
    if count is None:
        raise _unknown(item_id)
    return json_response({"RowAffected": count})


async def _search(service: Service, words: str, count: int) -> list[records.ItemRecord]:
    """Return the items that suit some words best, best first."""
    matches = await run_search(service, CatalogSearch(SearchQuery(words), n=count))
    items = await service.read(lambda c: records.items_by_id(c, matches.ids))
    by_id = {item.item_id: item for item in items}
    return [by_id[item_id] for item_id in matches.ids if item_id in by_id]


def _unknown(item_id: str) -> HTTPException:
    return http_error(404, "unknown item", received=item_id, remedy="insert it with POST /api/item")
