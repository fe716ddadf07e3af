"""Similar items and similar users. Unknown ones have no neighbours, as in Gorse."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from polyrec.serve.api.routes.lists import Category
from polyrec.serve.api.routes.pages import page_size
from polyrec.serve.api.schemas import Count, Offset, PathId, Scored
from polyrec.serve.ranking.neighbours import Neighbours, similar_items, similar_users
from polyrec.serve.responses import http_error, json_response
from polyrec.serve.service import CurrentService

router = APIRouter(tags=["recommendation"])
_NEIGHBOURS = "neighbors"  # the name in Gorse's default config
View = Annotated[str, Query(max_length=64, description="Compare in this view only (not in Gorse).")]


@router.get("/item/{item_id}/neighbors", response_model=list[Scored])
async def item_neighbours(
    item_id: PathId,
    service: CurrentService,
    n: Count = None,
    offset: Offset = 0,
    category: Category = "",
    view: View = "",
) -> Response:
    """Return the items most similar to an item."""
    count = page_size(service, n)
    live = await service.catch_up()
    neighbours = await service.compute(
        lambda: similar_items(live, item_id, count + offset, view=view, category=category),
        depth=count + offset,
    )
    return _scored(neighbours, offset)


@router.get("/item/{item_id}/neighbors/{category}", response_model=list[Scored])
async def item_neighbours_of_category(
    item_id: PathId, category: PathId, service: CurrentService, n: Count = None, offset: Offset = 0
) -> Response:
    """Return the items of a category most similar to an item."""
    return await item_neighbours(item_id, service, n, offset, category)


@router.get("/user/{user_id}/neighbors", response_model=list[Scored])
async def user_neighbours(
    user_id: PathId, service: CurrentService, n: Count = None, offset: Offset = 0
) -> Response:
    """Return the users most similar to a user."""
    count = page_size(service, n)
    live = await service.catch_up()
    neighbours = await service.compute_limit.run(
        lambda: similar_users(service.database, live, user_id, count + offset)
    )
    return _scored(neighbours, offset)


@router.get("/item-to-item/{name}/{item_id}", response_model=list[Scored])
async def item_to_item(
    name: PathId,
    item_id: PathId,
    service: CurrentService,
    n: Count = None,
    offset: Offset = 0,
    category: Category = "",
) -> Response:
    """Return the items most similar to an item; the name is `neighbors`, or a view."""
    view = "" if name == _NEIGHBOURS else name
    return await item_neighbours(item_id, service, n, offset, category, view)


@router.get("/user-to-user/{name}/{user_id}", response_model=list[Scored])
async def user_to_user(
    name: PathId, user_id: PathId, service: CurrentService, n: Count = None, offset: Offset = 0
) -> Response:
    """Return the users most similar to a user; the name is `neighbors`."""
    if name != _NEIGHBOURS:
        raise http_error(404, "no such list", received=name, remedy=f"use {_NEIGHBOURS}")
    return await user_neighbours(user_id, service, n, offset)


def _scored(neighbours: Neighbours, offset: int) -> Response:
    pairs = list(zip(neighbours.ids, neighbours.scores, strict=True))[offset:]
    body = [{"Id": name, "Score": score} for name, score in pairs]
    return json_response(body, headers={"X-Recommend-Source": neighbours.source})
