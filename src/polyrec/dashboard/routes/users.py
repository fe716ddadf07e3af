"""A user: what was done, what is recommended, and why."""

from __future__ import annotations

from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from polyrec.dashboard.item_cards import cards
from polyrec.dashboard.page import page
from polyrec.dashboard.reasons import Reason, reason
from polyrec.dashboard.session_user import Reader, WriterForm
from polyrec.dashboard.svg_charts import shares
from polyrec.database import records
from polyrec.database.tables import USERS
from polyrec.serve.ranking.recommender import USER, ListRequest, RankedList, recommend
from polyrec.serve.service import CurrentService, Service
from polyrec.serve.state.history import History
from polyrec.serve.state.live import LiveState

router = APIRouter()
_LISTED, _HISTORY, _RECOMMENDED = 50, 24, 12
Words = Annotated[str, Query(max_length=300)]


@router.get("/users")
async def listed(
    request: Request, service: CurrentService, visitor: Reader, q: Words = ""
) -> Response:
    """List users, those whose id holds the words."""
    query = sa.select(USERS.c.user_id).order_by(USERS.c.user_id).limit(_LISTED)
    if q:
        query = query.where(USERS.c.user_id.icontains(q, autoescape=True))
    found = await service.read(lambda c: list(c.scalars(query)))
    return page(request, service, visitor, "users", {"users": found, "q": q})


@router.get("/user")
async def one(request: Request, service: CurrentService, visitor: Reader, id: Words) -> Response:
    """Show a user's history and recommendations; someone unknown gets what is popular."""
    (history,) = await service.histories([id])
    live = service.live
    row = live.user_row(id)
    answer, reasons = await run_in_threadpool(_recommended, live, history, row)
    done = [*reversed(history.items)][:_HISTORY]
    weights = dict(zip(history.items, history.weights.tolist(), strict=True))
    titles = {
        c.item_id: c.title
        for c in await cards(service, [i for r in reasons if r for i in r.because])
    }
    told = {
        "user": id,
        "events": len(history.items),
        "history": await cards(service, done, {i: f"weight {weights[i]:g}" for i in done}),
        "recommended": await _told(service, answer, reasons, titles),
        "reasons": answer.reasons,
        "legend": _legend(reasons),
    }
    return page(request, service, visitor, "user", told)


@router.post("/user/erase")
async def erase(
    service: CurrentService,
    visitor: WriterForm,  # noqa: ARG001 - checks who sends it
    id: Annotated[str, Form(max_length=300)],
) -> Response:
    """Erase a user: record, events and what is held of them."""
    secret = service.database.secret
    await service.write(lambda c: records.delete_user(c, id, secret))
    return RedirectResponse("/dashboard/users", 303)


def _recommended(
    live: LiveState, history: History, user: int
) -> tuple[RankedList, list[Reason | None]]:
    question = ListRequest(history, _RECOMMENDED, source=USER, user=user)
    (answer,) = recommend(live, [question])
    asked = zip(answer.ids, answer.sources, strict=True)
    model = live.model
    reasons = [reason(model, history, i, user=user) if s == USER else None for i, s in asked]
    return answer, reasons


async def _told(
    service: Service, answer: RankedList, reasons: list[Reason | None], titles: dict[str, str]
) -> list[dict[str, Any]]:
    found = await cards(service, answer.ids)
    return [
        {
            "card": card,
            "source": source,
            "score": score,
            "because": [(i, titles[i]) for i in why.because] if why else [],
            "bar": shares(why.shares) if why else "",
            "shares": why.shares if why else (),
        }
        for card, source, score, why in zip(
            found, answer.sources, answer.scores, reasons, strict=True
        )
    ]


def _legend(reasons: list[Reason | None]) -> str:
    told = [why for why in reasons if why]
    if not told:
        return ""
    if all(why.exact for why in told):
        return "Shares are the model's own arithmetic."
    return "Shares are how far the score falls without an item; they are not exact."
