"""Lists of items: for a user and for a session as in Gorse, for a batch of both in our own form.

Where a list's items come from (see `serve.recommend`) is told in the header
`X-Recommend-Source`, or in the body of a batch.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from polyrec.serve.batch import Batch, BatchAnswer, answer_batch
from polyrec.serve.catalogue import Filters
from polyrec.serve.history import History
from polyrec.serve.moment import read_duration
from polyrec.serve.recommend import USER, Answer, Question, recommend
from polyrec.serve.reply import refuse, reply
from polyrec.serve.routes.pages import page_size
from polyrec.serve.schemas import Count, Offset, PathId, Scored, SessionBody
from polyrec.serve.service import Here, Service
from polyrec.store import feedback, log
from polyrec.store.feedback import Event, Feedback

router = APIRouter(tags=["recommendation"])
Categories = Annotated[
    list[str] | None, Query(description="All of which an item has to be in.", max_length=100)
]
Kind = Annotated[
    str,
    Query(alias="write-back-type", max_length=256,
          description="Insert feedback of this type for every item of the list."),
]  # fmt: skip
Delay = Annotated[
    str,
    Query(alias="write-back-delay", max_length=64,
          description="How much later that feedback counts: 10m, 1h30m."),
]  # fmt: skip
Version = Annotated[str, Header(description="2: ids with scores, else ids alone.")]
_EITHER = list[str] | list[Scored]


@router.get("/recommend/{user_id}", response_model=_EITHER)
async def recommend_to_user(  # noqa: PLR0913 - one argument per parameter of Gorse's route
    user_id: PathId,
    service: Here,
    n: Count = None,
    offset: Offset = 0,
    category: Categories = None,
    write_back_type: Kind = "",
    write_back_delay: Delay = "",
    x_api_version: Version = "",
) -> Response:
    """Recommend to a user; someone unknown gets what is popular."""
    count = page_size(service, n)
    delay = _delay(write_back_delay)
    (history,) = await service.histories([user_id])
    question = Question(
        history, count, offset, USER,
        service.live.model.users.get(user_id, -1), Filters(tuple(category or ())),
    )  # fmt: skip
    (answer,) = recommend(service.live, [question])
    if write_back_type and answer.ids:
        await _write_back(service, user_id, answer.ids, write_back_type, delay)
    return _listed(answer, scored=x_api_version == "2")


@router.get("/recommend/{user_id}/{category}", response_model=_EITHER)
async def recommend_from_category(  # noqa: PLR0913
    user_id: PathId,
    category: PathId,
    service: Here,
    n: Count = None,
    offset: Offset = 0,
    write_back_type: Kind = "",
    write_back_delay: Delay = "",
    x_api_version: Version = "",
) -> Response:
    """Recommend items of one category to a user."""
    return await recommend_to_user(
        user_id, service, n, offset, [category], write_back_type, write_back_delay, x_api_version
    )


Session = Annotated[list[SessionBody], Body(max_length=10_000)]


@router.post("/session/recommend", response_model=list[Scored])
async def recommend_to_session(
    session: Session,
    service: Here,
    n: Count = None,
    offset: Offset = 0,
    category: Categories = None,
) -> Response:
    """Recommend to someone by what was done in a session; nothing of it is kept."""
    count = page_size(service, n)
    live = await service.fresh()
    question = Question(
        history_of(service, session), count, offset, filters=Filters(tuple(category or ()))
    )
    (answer,) = recommend(live, [question])
    return _listed(answer, scored=True)


@router.post("/session/recommend/{category}", response_model=list[Scored])
async def recommend_to_session_from_category(
    category: PathId, session: Session, service: Here, n: Count = None, offset: Offset = 0
) -> Response:
    """Recommend items of one category by what was done in a session."""
    return await recommend_to_session(session, service, n, offset, [category])


@router.post("/recommend", response_model=BatchAnswer)
async def recommend_to_many(batch: Batch, service: Here) -> Response:
    """Recommend to many at once: known users, and people of whom only a history is known.

    Filters on categories, labels and numbers in Labels; items to leave out; diversity; context.
    Each list tells where its items come from, and why it is shorter than asked for.
    """
    page_size(service, batch.N)
    asked = len(batch.Users) + len(batch.Histories)
    if asked > service.settings.most_queries:
        remedy = f"ask for at most {service.settings.most_queries:,} lists at once"
        raise refuse(400, "too many lists", received=asked, remedy=remedy)
    histories = await service.histories(batch.Users)
    return reply(await run_in_threadpool(answer_batch, service, batch, histories))


def history_of(service: Service, session: list[SessionBody]) -> History:
    """Return the history of a session; what has no type is a plain event of weight 1."""
    now = log.now()
    timed = sorted(enumerate(session), key=lambda pair: (pair[1].Timestamp or now, pair[0]))
    events = [
        Event(told.ItemId, told.FeedbackType, told.Value, None if told.FeedbackType else 1.0, now)
        for _, told in timed
    ]
    return History.of(events, service.live.worth, now=now)


def _delay(given: str) -> int:
    try:
        return read_duration(given)
    except ValueError as error:
        raise refuse(
            400, "query.write-back-delay does not fit", received=given, remedy=str(error)
        ) from None


async def _write_back(
    service: Service, user_id: str, items: list[str], kind: str, delay: int
) -> None:
    moment = log.now() + delay
    rows = [Feedback(kind, user_id, item, timestamp=moment) for item in items]
    await service.write(lambda connection: feedback.put(connection, rows, overwrite=False))


def _listed(answer: Answer, *, scored: bool) -> Response:
    listed: list[Any] = answer.ids
    if scored:
        pairs = zip(answer.ids, answer.scores, strict=True)
        listed = [{"Id": item, "Score": score} for item, score in pairs]
    headers = {"X-Recommend-Source": ",".join(dict.fromkeys(answer.sources)) or "none"}
    if answer.reasons:
        headers["X-Recommend-Reason"] = "; ".join(answer.reasons)
    return reply(listed, headers=headers)
