"""Similar items and similar users. Unknown ones have no neighbours, as in Gorse."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from polyrec.serve.api.page_params import CategoryPage, ItemsPage, Page
from polyrec.serve.api.schemas import PathId, Scored, View
from polyrec.serve.api.seen_params import SeenBy, seen_items
from polyrec.serve.ranking.neighbours import Neighbours, similar_items, similar_users
from polyrec.serve.responses import http_error, json_response
from polyrec.serve.service import CurrentService

router = APIRouter(tags=["recommendation"])
_NEIGHBOURS = "neighbors"  # the name in Gorse's default config


@router.get("/item/{item_id}/neighbors", response_model=list[Scored])
async def item_neighbours(
    item_id: PathId, service: CurrentService, page: ItemsPage, seen_by: SeenBy, view: View = ""
) -> Response:
    """Return the items most similar to an item."""
    live = await service.catch_up()
    seen = await seen_items(service, seen_by)
    neighbours = await service.compute(
        lambda: similar_items(
            live, item_id, page.depth, view=view, filters=page.filters, exclude=seen
        ),
        depth=page.depth,
    )
    return _scored(neighbours, page.offset)


@router.get("/item/{item_id}/neighbors/{category}", response_model=list[Scored])
async def item_neighbours_of_category(
    item_id: PathId, service: CurrentService, page: CategoryPage, seen_by: SeenBy, view: View = ""
) -> Response:
    """Return the items of a category most similar to an item."""
    return await item_neighbours(item_id, service, page, seen_by, view)


@router.get("/user/{user_id}/neighbors", response_model=list[Scored])
async def user_neighbours(user_id: PathId, service: CurrentService, page: Page) -> Response:
    """Return the users most similar to a user."""
    live = await service.catch_up()
    neighbours = await service.compute_limit.run(
        lambda: similar_users(service.database, live, user_id, page.depth)
    )
    return _scored(neighbours, page.offset)


@router.get("/item-to-item/{name}/{item_id}", response_model=list[Scored])
async def item_to_item(
    name: PathId, item_id: PathId, service: CurrentService, page: ItemsPage, seen_by: SeenBy
) -> Response:
    """Return the items most similar to an item; the name is `neighbors`, or a view."""
    view = "" if name == _NEIGHBOURS else name
    return await item_neighbours(item_id, service, page, seen_by, view)


@router.get("/user-to-user/{name}/{user_id}", response_model=list[Scored])
async def user_to_user(
    name: PathId, user_id: PathId, service: CurrentService, page: Page
) -> Response:
    """Return the users most similar to a user; the name is `neighbors`."""
    if name != _NEIGHBOURS:
        raise http_error(404, "no such list", received=name, remedy=f"use {_NEIGHBOURS}")
    return await user_neighbours(user_id, service, page)


def _scored(neighbours: Neighbours, offset: int) -> Response:
    pairs = list(zip(neighbours.ids, neighbours.scores, strict=True))[offset:]
    body = [{"Id": name, "Score": score} for name, score in pairs]
    return json_response(body, headers={"X-Recommend-Source": neighbours.source})
