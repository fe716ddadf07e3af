"""The users, and the page of a user: history, recommendations and their reasons."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

import sqlalchemy as sa
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import AfterValidator, ValidationError
from starlette.concurrency import run_in_threadpool

from polyrec.dashboard.item_cards import item_cards
from polyrec.dashboard.reasons import Reason, recommendation_reason
from polyrec.dashboard.rendering import render_page
from polyrec.dashboard.session_user import FormText, ReadUser, WriteForm
from polyrec.dashboard.svg_charts import share_bar
from polyrec.database import records
from polyrec.database.tables import USERS
from polyrec.generate.wording.facts import facts_with_titles
from polyrec.index.tastes import with_edits, without_last
from polyrec.serve.api.routes.profile import profile_body
from polyrec.serve.api.schemas import TasteBody, check_text
from polyrec.serve.ranking.recommender import USER, ListRequest, RankedList, recommend
from polyrec.serve.responses import http_error
from polyrec.serve.service import CurrentService, Service
from polyrec.serve.state.history import History
from polyrec.serve.state.live import LiveState

router = APIRouter()
_PAGE_SIZE, _HISTORY, _RECOMMENDATIONS = 50, 24, 12
Text = Annotated[str, Query(max_length=300)]
OptionalText = Annotated[str, Form(max_length=300), AfterValidator(check_text)]


@router.get("/users")
async def users(
    request: Request, service: CurrentService, user: ReadUser, q: Text = ""
) -> Response:
    """List users, those with `q` in their id."""
    query = sa.select(USERS.c.user_id).order_by(USERS.c.user_id).limit(_PAGE_SIZE)
    if q:
        query = query.where(USERS.c.user_id.icontains(q, autoescape=True))
    ids = await service.read(lambda c: list(c.scalars(query)))
    return render_page(request, service, user, "users", {"user_ids": ids, "q": q})


@router.get("/user")
async def user_page(
    request: Request, service: CurrentService, user: ReadUser, id: Text
) -> Response:
    """Show a user's history and recommendations; an unknown user gets popular items."""
    (history,) = await service.histories([id])
    live = service.live
    row = live.user_row(id)
    ranked, reasons = await run_in_threadpool(_recommend, live, history, row)
    latest = [*reversed(history.items)][:_HISTORY]
    weights = dict(zip(history.items, history.weights.tolist(), strict=True))
    record = await service.read(lambda c: records.find_user(c, id))
    labels = None if record is None else record.labels
    values = {
        "user_id": id,
        "labels": None if labels is None else json.dumps(labels, ensure_ascii=False, indent=1),
        "events": len(history.items),
        "history": await item_cards(service, latest, {i: f"weight {weights[i]:g}" for i in latest}),
        "profile": await profile_body(service, id),
        "tastes": history.tastes,
        "recommendations": await _recommendations(service, ranked, reasons),
        "reasons": ranked.reasons,
        "legend": _legend(reasons),
    }
    return render_page(request, service, user, "user", values)


@router.post("/user/taste")
async def state_taste(  # noqa: PLR0913 - one argument per field of the form
    service: CurrentService,
    user: WriteForm,  # noqa: ARG001 - the permission check
    id: FormText,
    attitude: FormText,
    subject: FormText,
    value: FormText,
    key: OptionalText = "",
) -> Response:
    """Keep what a user states about a category, label, item or words."""
    names = {"category": "Category", "label": "Label", "item": "ItemId", "words": "Words"}
    named = [key.strip(), value.strip()] if subject == "label" else value.strip()
    try:
        body = TasteBody.model_validate({"Attitude": attitude, names.get(subject, subject): named})
    except ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"]
        raise http_error(400, "the taste is invalid", received=value, remedy=message) from None
    change = partial(with_edits, more=[body.taste()])
    await service.write(lambda c: records.edit_tastes(c, id, change), urgent=False)
    return RedirectResponse(f"/dashboard/user?id={quote(id, safe='')}#tastes", 303)


@router.post("/user/taste/undo")
async def undo_taste(
    service: CurrentService,
    user: WriteForm,  # noqa: ARG001 - the permission check
    id: FormText,
) -> Response:
    """Undo the last change of a user's tastes."""
    await service.write(lambda c: records.edit_tastes(c, id, without_last), urgent=False)
    return RedirectResponse(f"/dashboard/user?id={quote(id, safe='')}#tastes", 303)


@router.post("/user/erase")
async def erase(
    service: CurrentService,
    user: WriteForm,  # noqa: ARG001 - the permission check
    id: FormText,
) -> Response:
    """Erase a user: record, events and history in memory."""
    secret = service.database.secret
    await service.write(lambda c: records.delete_user(c, id, secret))
    return RedirectResponse("/dashboard/users", 303)


def _recommend(
    live: LiveState, history: History, user: int
) -> tuple[RankedList, list[Reason | None]]:
    list_request = ListRequest(history, _RECOMMENDATIONS, source=USER, user=user)
    (ranked,) = recommend(live, [list_request])
    reasons = [
        recommendation_reason(live.model, history, item, user=user) if source == USER else None
        for item, source in zip(ranked.ids, ranked.sources, strict=True)
    ]
    return ranked, reasons


async def _recommendations(
    service: Service, ranked: RankedList, reasons: list[Reason | None]
) -> list[dict[str, Any]]:
    cards = await item_cards(service, ranked.ids)
    because = [item for reason in reasons if reason for item in reason.because]
    titles = {card.item_id: card.title for card in await item_cards(service, because)}
    facts = [
        facts_with_titles(reason.top, [titles[item] for item in reason.because]) if reason else None
        for reason in reasons
    ]
    texts = await asyncio.gather(*(service.words.reason(each, "en") for each in facts))
    rows = zip(cards, ranked.sources, ranked.scores, reasons, texts, strict=True)
    return [
        {
            "card": card,
            "source": source,
            "score": score,
            "text": text,
            "because": [(item, titles[item]) for item in reason.because] if reason else [],
            "bar": share_bar(reason.top.shares) if reason else "",
            "shares": reason.top.shares if reason else (),
        }
        for card, source, score, reason, text in rows
    ]


def _legend(reasons: list[Reason | None]) -> str:
    with_shares = [reason for reason in reasons if reason]
    if not with_shares:
        return ""
    if all(reason.top.exact for reason in with_shares):
        return "Shares are exact: the score of this model is a sum of contributions."
    return "Shares are estimates from the drop of the score without each item."
