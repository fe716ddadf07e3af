"""Items and their categories: insert, change, list, delete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response

from polyrec.artifact.item_search import SearchQuery
from polyrec.database import records
from polyrec.serve.api.bodies import MAX_ROWS, json_body, read_rows
from polyrec.serve.api.page_params import page_size
from polyrec.serve.api.pages import Listing
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
from polyrec.serve.api.streams import STEP_ROWS, json_list, json_object, json_stream
from polyrec.serve.ranking.catalog_search import CatalogSearch
from polyrec.serve.responses import http_error, json_response
from polyrec.serve.service import CurrentService, Service

router = APIRouter(tags=["items"])
Words = Annotated[str, Query(max_length=2_000, description="Search for these words.")]

_LISTING = Listing(
    "items",
    "Items",
    lambda c, after, count: records.list_items(c, after=after[0] if after else None, count=count),
    lambda item: (item.item_id,),
    item_out,
)


@router.post("/item", response_model=RowAffected)
async def insert_item(item: ItemBody, service: CurrentService) -> Response:
    """Insert an item; an existing one is replaced."""
    record = item.record()
    count = await service.write(lambda connection: records.put_items(connection, [record]))
    return json_response({"RowAffected": count})


@router.post("/items", response_model=RowAffected, openapi_extra=json_body(ItemBody, rows=MAX_ROWS))
async def insert_items(request: Request, service: CurrentService) -> Response:
    """Insert items; existing ones are replaced."""
    rows = await read_rows(request, service, ItemBody, ItemBody.record)
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
    if not q.strip():
        return await _LISTING.page(service, n, cursor)
    search = CatalogSearch(SearchQuery(q), n=page_size(service, n))
    matches = await run_search(service, search)
    bodies = map(item_out, _items_in_steps(service, matches.ids))
    pieces = json_object({"Cursor": iter([b'""']), "Items": json_list(bodies)})
    return await json_stream(service, pieces)


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


def _items_in_steps(service: Service, ids: Sequence[str]) -> Iterator[records.ItemRecord]:
    """Yield the items that still exist, in the order of `ids`."""
    for start in range(0, len(ids), STEP_ROWS):
        step = ids[start : start + STEP_ROWS]
        with service.database.read() as connection:
            items = {item.item_id: item for item in records.items_by_id(connection, step)}
        yield from (items[item_id] for item_id in step if item_id in items)


def _unknown(item_id: str) -> HTTPException:
    return http_error(404, "unknown item", received=item_id, remedy="insert it with POST /api/item")
