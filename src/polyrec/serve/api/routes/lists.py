"""Non-personalised lists: the latest and the popular items."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from polyrec.errors import nearest
from polyrec.serve.api.routes.pages import page_size
from polyrec.serve.api.schemas import Count, Offset, PathId, Scored
from polyrec.serve.api.seen_params import Seen
from polyrec.serve.responses import http_error, json_response
from polyrec.serve.service import CurrentService, Service
from polyrec.serve.state.history import SeenRule
from polyrec.serve.state.live import LiveState
from polyrec.serve.state.live_catalog import Filters

router = APIRouter(tags=["recommendation"])
Category = Annotated[str, Query(max_length=256, description="Only items in this category.")]
User = Annotated[
    str, Query(alias="user-id", max_length=256, description="Without the items this user has seen.")
]
_SECOND = 1_000_000  # in microseconds


class UserSeen(NamedTuple):
    """The user of a list, "" for none, and which items it leaves out because of them."""

    user_id: str
    rule: SeenRule


async def _user_seen(rule: Seen, user_id: User = "") -> UserSeen:
    return UserSeen(user_id, rule)


SeenBy = Annotated[UserSeen, Depends(_user_seen)]


def _latest(live: LiveState) -> npt.NDArray[np.floating[Any]]:
    return np.asarray(live.times() / _SECOND)


def _popular(live: LiveState) -> npt.NDArray[np.floating[Any]]:
    return live.popularity(live.model)


_LISTS = {"latest": _latest, "popular": _popular}


@router.get("/latest", response_model=list[Scored])
async def latest(
    service: CurrentService,
    seen_by: SeenBy,
    n: Count = None,
    offset: Offset = 0,
    category: Category = "",
) -> Response:
    """Return the items with the latest Timestamp; the score is the Timestamp in seconds."""
    return await _list(service, "latest", (n, offset), category, seen_by)


@router.get("/latest/{category}", response_model=list[Scored])
async def latest_of_category(
    category: PathId,
    service: CurrentService,
    seen_by: SeenBy,
    n: Count = None,
    offset: Offset = 0,
) -> Response:
    """Return the items of a category with the latest Timestamp."""
    return await _list(service, "latest", (n, offset), category, seen_by)


@router.get("/popular", response_model=list[Scored])
async def popular(
    service: CurrentService,
    seen_by: SeenBy,
    n: Count = None,
    offset: Offset = 0,
    category: Category = "",
) -> Response:
    """Return the recently popular items; the most popular has the score 1."""
    return await _list(service, "popular", (n, offset), category, seen_by)


@router.get("/popular/{category}", response_model=list[Scored])
async def popular_of_category(
    category: PathId,
    service: CurrentService,
    seen_by: SeenBy,
    n: Count = None,
    offset: Offset = 0,
) -> Response:
    """Return the recently popular items of a category."""
    return await _list(service, "popular", (n, offset), category, seen_by)


@router.get("/non-personalized/{name}", response_model=list[Scored])
async def non_personalized(
    name: PathId,
    service: CurrentService,
    seen_by: SeenBy,
    n: Count = None,
    offset: Offset = 0,
    category: Category = "",
) -> Response:
    """Return a list by name: popular or latest."""
    return await _list(service, name, (n, offset), category, seen_by)


async def _list(
    service: Service,
    name: str,
    page: tuple[int | None, int],
    category: str,
    seen_by: UserSeen,
) -> Response:
    if name not in _LISTS:
        raise http_error(404, "no such list", received=name, remedy=nearest(name, _LISTS))
    count, offset = page_size(service, page[0]), page[1]
    live = await service.catch_up()
    seen: tuple[str, ...] = ()
    if seen_by.user_id:
        (history,) = await service.histories([seen_by.user_id])
        seen = history.hidden(seen_by.rule)

    def rank() -> list[dict[str, Any]]:
        """Return the entries of the list."""
        allowed, ids = live.visible_mask(Filters((category,) if category else ()))
        rows = live.rows_of(seen)
        allowed[rows[rows < len(allowed)]] = False
        scores = _LISTS[name](live)[: len(allowed)]
        # sorted as float64: float32 does not separate two seconds of this century
        order = np.lexsort((np.arange(len(allowed)), -scores, ~allowed))
        best = order[: int(allowed.sum())][offset : offset + count]
        return [{"Id": ids[row], "Score": float(scores[row])} for row in best.tolist()]

    return json_response(await service.compute(rank, depth=count + offset))
