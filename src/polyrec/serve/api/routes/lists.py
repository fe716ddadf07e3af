"""Non-personalised lists: the latest and the popular items."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter
from fastapi.responses import Response

from polyrec.errors import nearest
from polyrec.serve.api.page_params import CategoryPage, ItemsPage
from polyrec.serve.api.schemas import PathId, Scored
from polyrec.serve.api.seen_params import SeenBy, seen_items
from polyrec.serve.ranking.visible import clear_rows
from polyrec.serve.responses import http_error, json_response
from polyrec.serve.service import CurrentService
from polyrec.serve.state.live import LiveState

router = APIRouter(tags=["recommendation"])
_SECOND = 1_000_000  # in microseconds


def _latest(live: LiveState) -> npt.NDArray[np.floating[Any]]:
    return np.asarray(live.times() / _SECOND)


def _popular(live: LiveState) -> npt.NDArray[np.floating[Any]]:
    return live.popularity(live.model)


_LISTS = {"latest": _latest, "popular": _popular}


@router.get("/latest", response_model=list[Scored])
async def latest(service: CurrentService, page: ItemsPage, seen_by: SeenBy) -> Response:
    """Return the items with the latest Timestamp; the score is the Timestamp in seconds."""
    return await non_personalized("latest", service, page, seen_by)


@router.get("/latest/{category}", response_model=list[Scored])
async def latest_of_category(
    service: CurrentService, page: CategoryPage, seen_by: SeenBy
) -> Response:
    """Return the items of a category with the latest Timestamp."""
    return await non_personalized("latest", service, page, seen_by)


@router.get("/popular", response_model=list[Scored])
async def popular(service: CurrentService, page: ItemsPage, seen_by: SeenBy) -> Response:
    """Return the recently popular items; the most popular has the score 1."""
    return await non_personalized("popular", service, page, seen_by)


@router.get("/popular/{category}", response_model=list[Scored])
async def popular_of_category(
    service: CurrentService, page: CategoryPage, seen_by: SeenBy
) -> Response:
    """Return the recently popular items of a category."""
    return await non_personalized("popular", service, page, seen_by)


@router.get("/non-personalized/{name}", response_model=list[Scored])
async def non_personalized(
    name: PathId, service: CurrentService, page: ItemsPage, seen_by: SeenBy
) -> Response:
    """Return a list by name: popular or latest."""
    if name not in _LISTS:
        raise http_error(404, "no such list", received=name, remedy=nearest(name, _LISTS))
    live = await service.catch_up()
    seen = await seen_items(service, seen_by)

    def rank() -> list[dict[str, Any]]:
        """Return the entries of the list."""
        allowed, ids = live.visible_mask(page.filters)
        clear_rows(allowed, live.rows_of(seen))
        scores = _LISTS[name](live)[: len(allowed)]
        # sorted as float64: float32 does not separate two seconds of this century
        order = np.lexsort((np.arange(len(allowed)), -scores, ~allowed))
        best = order[: int(allowed.sum())][page.offset : page.depth]
        return [{"Id": ids[row], "Score": float(scores[row])} for row in best.tolist()]

    return json_response(await service.compute(rank, depth=page.depth))
