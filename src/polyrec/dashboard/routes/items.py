"""The catalogue, and the page of an item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import quote

import orjson
import sqlalchemy as sa
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool

from polyrec.dashboard.item_cards import ItemCard, item_card, item_cards
from polyrec.dashboard.rendering import render_page
from polyrec.dashboard.routes.media import browser_media_type, bundle_media, uploaded_media
from polyrec.dashboard.session_user import FormText, ReadUser, WriteForm
from polyrec.database import records
from polyrec.database.tables import FEEDBACK, ITEMS
from polyrec.serve.api.routes.media import status as item_status
from polyrec.serve.ranking.neighbours import similar_items
from polyrec.serve.responses import http_error
from polyrec.serve.service import CurrentService, Service
from polyrec.serve.state.live import LiveState
from polyrec.types import Raw

router = APIRouter()
_PAGE_SIZE, _NEIGHBOURS = 48, 8
STATUSES = (records.LIVE, records.QUEUED, records.QUARANTINED)
Text = Annotated[str, Query(max_length=200)]


@router.get("/items")
async def catalogue(
    request: Request,
    service: CurrentService,
    user: ReadUser,
    q: Text = "",
    status: Text = "",
    after: Text = "",
) -> Response:
    """Show items by id, those with `q` in their id or text, those with a status."""
    items = await service.read(lambda c: _select(c, q, status, after))
    values = {
        "cards": [item_card(item.item_id, item) for item in items[:_PAGE_SIZE]],
        "next_after": items[_PAGE_SIZE - 1].item_id if len(items) > _PAGE_SIZE else "",
        "q": q,
        "status": status,
        "statuses": STATUSES,
    }
    return render_page(request, service, user, "items", values)


@router.get("/item")
async def item(
    request: Request,
    service: CurrentService,
    user: ReadUser,
    id: Annotated[str, Query(max_length=300)],
) -> Response:
    """Show an item: record, media, status, and its neighbours in each view."""
    record = await service.read(lambda c: records.find_item(c, id))
    if record is None:
        raise http_error(404, "unknown item", received=id, remedy="see /dashboard/items")
    live = await service.catch_up()
    uploads = await uploaded_media(service, id)
    contents = await run_in_threadpool(bundle_media(request, service).contents, id, uploads)
    text = contents.get("text")
    values = {
        "item": record,
        "card": item_card(id, record),
        "players": await run_in_threadpool(_players, contents),
        "text": text if isinstance(text, str) else "",
        "labels": orjson.dumps(record.labels, option=orjson.OPT_INDENT_2).decode(),
        "events": await service.read(lambda c: _event_counts(c, id)),
        "neighbours": await _neighbours(service, live, id),
        "views": _views(live, id),
        "status": orjson.loads((await item_status(id, service)).body),
    }
    return render_page(request, service, user, "item", values)


@router.post("/item/hide")
async def hide(
    service: CurrentService,
    user: WriteForm,  # noqa: ARG001 - the permission check
    id: FormText,
    hidden: Annotated[bool, Form()] = False,
) -> Response:
    """Hide an item from all lists, or show it again, from the next request on."""
    await service.write(lambda c: records.change_item(c, id, {"is_hidden": hidden}))
    return RedirectResponse(f"/dashboard/item?id={quote(id, safe='')}", 303)


def _players(contents: Mapping[str, Raw]) -> list[tuple[str, str | None]]:
    """Return the audio and video of an item with their media types in a browser."""
    timed = [(name, raw) for name, raw in contents.items() if name in ("audio", "video")]
    return [(name, browser_media_type(raw, name)) for name, raw in timed]


def _select(connection: Connection, text: str, status: str, after: str) -> list[records.ItemRecord]:
    query = sa.select(ITEMS).order_by(ITEMS.c.item_id).limit(_PAGE_SIZE + 1)
    if text:
        # autoescape: % and _ match themselves
        in_id = ITEMS.c.item_id.icontains(text, autoescape=True)
        query = query.where(in_id | ITEMS.c.comment.icontains(text, autoescape=True))
    if status in STATUSES:
        query = query.where(ITEMS.c.status == status)
    if after:
        query = query.where(ITEMS.c.item_id > after)
    return records.select_items(connection, query)


def _event_counts(connection: Connection, item_id: str) -> list[tuple[str, int]]:
    query = sa.select(FEEDBACK.c.feedback_type, sa.func.count())
    query = query.where(FEEDBACK.c.item_id == item_id).group_by(FEEDBACK.c.feedback_type)
    return [(kind, int(count)) for kind, count in connection.execute(query)]


def _views(live: LiveState, item_id: str) -> list[tuple[str, bool]]:
    """Return each view, and whether the item is present in it."""
    model = live.model
    row = model.rows.get(item_id)
    return [(name, row is not None and bool(v.present[row])) for name, v in model.views.items()]


async def _neighbours(
    service: Service, live: LiveState, item_id: str
) -> list[tuple[str, list[ItemCard]]]:
    """Return the neighbours in each view where the item is present."""
    neighbours = []
    for view, present in _views(live, item_id):
        if present:
            near = await run_in_threadpool(similar_items, live, item_id, _NEIGHBOURS, view=view)
            notes = {i: f"{score:.2f}" for i, score in zip(near.ids, near.scores, strict=True)}
            neighbours.append((view, await item_cards(service, near.ids, notes)))
    return neighbours
