"""Lists of items: for a user and for a session as in Gorse, for a batch of both in our own form.

Where a list's items come from (see `serve.ranking.recommender`) is told in the header
`X-Recommend-Source`, or in the body of a batch.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, FastAPI, Query, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from polyrec.database import change_log, feedback
from polyrec.database.feedback import Event, Feedback
from polyrec.serve.api.batch import BatchAnswer, BatchQuery, answer_batch
from polyrec.serve.api.list_params import Asked, parameters, path_id
from polyrec.serve.api.routes.pages import page_size
from polyrec.serve.api.schemas import Count, Offset, PathId, Scored, SessionBody
from polyrec.serve.ranking.recommender import USER, ListRequest, RankedList, recommend
from polyrec.serve.responses import refuse, reply
from polyrec.serve.service import CurrentService, Service
from polyrec.serve.state.history import History
from polyrec.serve.state.live_catalog import Filters

router = APIRouter(tags=["recommendation"])
_EITHER = list[str] | list[Scored]


async def recommend_to_user(request: Request) -> Response:
    """Recommend to a user; someone unknown gets what is popular."""
    return await _to_user(path_id(request, "user_id"), request)


async def recommend_from_category(request: Request) -> Response:
    """Recommend items of one category to a user."""
    category = path_id(request, "category")
    return await _to_user(path_id(request, "user_id"), request, category=category)


def add_first(app: FastAPI, prefix: str) -> None:
    """Add the routes that are asked most: before all others, and by no router in between."""
    for path, answer, names in (
        ("/recommend/{user_id}", recommend_to_user, ("user_id",)),
        ("/recommend/{user_id}/{category}", recommend_from_category, ("user_id", "category")),
    ):
        app.add_api_route(
            prefix + path,
            answer,
            response_model=_EITHER,
            tags=["recommendation"],
            openapi_extra=parameters(*names),
        )


async def _to_user(user_id: str, request: Request, *, category: str = "") -> Response:
    service: Service = request.app.state.service
    asked = Asked.of(request, service.settings, category=category)
    (history,) = await service.histories([user_id])
    live = service.live
    user = live.user_row(user_id)
    question = ListRequest(history, asked.n, asked.offset, USER, user, asked.filters)
    (answer,) = recommend(live, [question])
    if asked.write_back and answer.ids:
        moment = change_log.now_us() + asked.delay
        rows = [Feedback(asked.write_back, user_id, item, timestamp=moment) for item in answer.ids]
        await service.write(lambda c: feedback.put_feedback(c, rows, overwrite=False), urgent=False)
    return _listed(answer, scored=asked.scored)


Categories = Annotated[
    list[str] | None, Query(description="In all of which an item has to be.", max_length=100)
]
Session = Annotated[list[SessionBody], Body(max_length=10_000)]


@router.post("/session/recommend", response_model=list[Scored])
async def recommend_to_session(
    session: Session,
    service: CurrentService,
    n: Count = None,
    offset: Offset = 0,
    category: Categories = None,
) -> Response:
    """Recommend to someone by what was done in a session; nothing of it is kept."""
    count = page_size(service, n)
    live = await service.catch_up()
    question = ListRequest(
        history_of(service, session), count, offset, filters=Filters(tuple(category or ()))
    )
    (answer,) = recommend(live, [question])
    return _listed(answer, scored=True)


@router.post("/session/recommend/{category}", response_model=list[Scored])
async def recommend_to_session_from_category(
    category: PathId, session: Session, service: CurrentService, n: Count = None, offset: Offset = 0
) -> Response:
    """Recommend items of one category by what was done in a session."""
    return await recommend_to_session(session, service, n, offset, [category])


@router.post("/recommend", response_model=BatchAnswer)
async def recommend_to_many(batch: BatchQuery, service: CurrentService) -> Response:
    """Recommend to many at once: known users, and people of whom only a history is known.

    Filters on categories, labels and numbers in Labels; items to leave out; diversity; context.
    Each list tells where its items come from, and why it is shorter than asked for.
    """
    page_size(service, batch.N)
    asked = len(batch.Users) + len(batch.Histories)
    if asked > service.settings.max_queries:
        remedy = f"ask for at most {service.settings.max_queries:,} lists at once"
        raise refuse(400, "too many lists", received=asked, remedy=remedy)
    histories = await service.histories(batch.Users)
    return reply(await run_in_threadpool(answer_batch, service, batch, histories))


def history_of(service: Service, session: list[SessionBody]) -> History:
    """Return the history of a session; what has no type is a plain event of weight 1."""
    now = change_log.now_us()
    timed = sorted(enumerate(session), key=lambda pair: (pair[1].Timestamp or now, pair[0]))
    events = [
        Event(told.ItemId, told.FeedbackType, told.Value, None if told.FeedbackType else 1.0, now)
        for _, told in timed
    ]
    return History.from_events(events, service.live.event_weights, now=now)


def _listed(answer: RankedList, *, scored: bool) -> Response:
    listed: list[Any] = answer.ids
    if scored:
        pairs = zip(answer.ids, answer.scores, strict=True)
        listed = [{"Id": item, "Score": score} for item, score in pairs]
    headers = {"X-Recommend-Source": ",".join(dict.fromkeys(answer.sources)) or "none"}
    if answer.reasons:
        headers["X-Recommend-Reason"] = "; ".join(answer.reasons)
    return reply(listed, headers=headers)
