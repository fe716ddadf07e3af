"""The catalogue, and the page of one item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import orjson
import sqlalchemy as sa
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool

from polyrec.dashboard.item_cards import Card, card, cards
from polyrec.dashboard.page import page
from polyrec.dashboard.routes.media import contents_of, playable, uploaded
from polyrec.dashboard.session_user import Reader, WriterForm
from polyrec.database import records
from polyrec.database.tables import FEEDBACK, ITEMS
from polyrec.serve.api.routes.media import status as status_of
from polyrec.serve.ranking.neighbours import similar_items
from polyrec.serve.responses import refuse
from polyrec.serve.service import CurrentService, Service
from polyrec.serve.state.live import LiveState
from polyrec.types import Raw

router = APIRouter()
_SHOWN, _NEAR = 48, 8
STATUSES = (records.LIVE, records.QUEUED, records.QUARANTINED)
Words = Annotated[str, Query(max_length=200)]


@router.get("/items")
async def catalogue(
    request: Request,
    service: CurrentService,
    visitor: Reader,
    q: Words = "",
    status: Words = "",
    after: Words = "",
) -> Response:
    """Show items by id, those whose id or text holds the words, those of one status."""
    found = await service.read(lambda c: _matching(c, q, status, after))
    told = {
        "cards": [card(item.item_id, item) for item in found[:_SHOWN]],
        "following": found[_SHOWN - 1].item_id if len(found) > _SHOWN else "",
        "q": q,
        "status": status,
        "statuses": STATUSES,
    }
    return page(request, service, visitor, "items", told)


@router.get("/item")
async def one(
    request: Request,
    service: CurrentService,
    visitor: Reader,
    id: Annotated[str, Query(max_length=300)],
) -> Response:
    """Show an item: what it holds, how it stands, what is near it in each view."""
    item = await service.read(lambda c: records.find_item(c, id))
    if item is None:
        raise refuse(404, "no such item", received=id, remedy="see /dashboard/items")
    live = await service.catch_up()
    given = await uploaded(service, id)
    contents = await run_in_threadpool(contents_of(request, service).of, id, given)
    text = contents.get("text")
    stand = orjson.loads((await status_of(id, service)).body)
    told = {
        "item": item,
        "card": card(id, item),
        "players": await run_in_threadpool(_players, contents),
        "text": text if isinstance(text, str) else "",
        "labels": orjson.dumps(item.labels, option=orjson.OPT_INDENT_2).decode(),
        "events": await service.read(lambda c: _events(c, id)),
        "near": await _near(service, live, id),
        "views": _present(live, id),
        "stand": stand,
    }
    return page(request, service, visitor, "item", told)


@router.post("/item/hide")
async def hide(
    service: CurrentService,
    visitor: WriterForm,  # noqa: ARG001 - checks who sends it
    id: Annotated[str, Form(max_length=300)],
    hidden: Annotated[bool, Form()] = False,
) -> Response:
    """Take an item out of every list, or back in: it counts in the next request."""
    await service.write(lambda c: records.change_item(c, id, {"is_hidden": hidden}))
    return RedirectResponse(f"/dashboard/item?id={quote(id, safe='')}", 303)


def _players(contents: Mapping[str, Raw]) -> list[tuple[str, str | None]]:
    """Return the sounds and videos of an item, and as what a browser may play them."""
    timed = [(kind, raw) for kind, raw in contents.items() if kind in ("audio", "video")]
    return [(kind, playable(raw, kind)) for kind, raw in timed]


def _matching(
    connection: Connection, words: str, status: str, after: str
) -> list[records.ItemRecord]:
    query = sa.select(ITEMS).order_by(ITEMS.c.item_id).limit(_SHOWN + 1)
    if words:
        # % and _ of the words stand for themselves
        held = ITEMS.c.item_id.icontains(words, autoescape=True)
        query = query.where(held | ITEMS.c.comment.icontains(words, autoescape=True))
    if status in STATUSES:
        query = query.where(ITEMS.c.status == status)
    if after:
        query = query.where(ITEMS.c.item_id > after)
    return records.select_items(connection, query)


def _events(connection: Connection, item_id: str) -> list[tuple[str, int]]:
    query = sa.select(FEEDBACK.c.feedback_type, sa.func.count())
    query = query.where(FEEDBACK.c.item_id == item_id).group_by(FEEDBACK.c.feedback_type)
    return [(kind, int(count)) for kind, count in connection.execute(query)]


def _present(live: LiveState, item_id: str) -> list[tuple[str, bool]]:
    model = live.model
    row = model.rows.get(item_id)
    return [(name, row is not None and bool(v.present[row])) for name, v in model.views.items()]


async def _near(service: Service, live: LiveState, item_id: str) -> list[tuple[str, list[Card]]]:
    """Return what is near in each view where the item has something."""
    told: list[tuple[str, Any]] = []
    for view, present in _present(live, item_id):
        if present:
            found = await run_in_threadpool(
                similar_items, live, item_id, _NEAR, view=view, category=""
            )
            notes = {i: f"{score:.2f}" for i, score in zip(found.ids, found.scores, strict=True)}
            told.append((view, await cards(service, found.ids, notes)))
    return told
