"""Recommendations for a user, for a session (both as in Gorse) and for a batch of both.

The header `X-Recommend-Source`, or the body of a batch, has the sources of a list's items (see
`serve.ranking.recommender`).
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import Response

from polyrec.database import change_log
from polyrec.database.feedback import Event, Feedback, FeedbackWrite
from polyrec.serve.api.batch import BatchAnswer, BatchQuery, batch_pieces
from polyrec.serve.api.bodies import json_body, read_body, read_rows
from polyrec.serve.api.direct_route import DirectRoute
from polyrec.serve.api.list_params import RERANK, ListParams, list_parameters, path_id
from polyrec.serve.api.page_params import CategoryPage, ItemsPage, page_size
from polyrec.serve.api.schemas import Scored, SessionBody
from polyrec.serve.api.seen_params import Seen
from polyrec.serve.api.streams import json_stream
from polyrec.serve.ranking.recommender import USER, ListRequest, RankedList, recommend
from polyrec.serve.ranking.rerank_page import rerank_page
from polyrec.serve.responses import http_error, json_response
from polyrec.serve.service import CurrentService, Service
from polyrec.serve.settings import Settings
from polyrec.serve.state.history import History

router = APIRouter(tags=["recommendation"])
_EITHER = list[str] | list[Scored]
_SESSION = json_body(SessionBody, rows=10_000)
Rerank = Annotated[bool, Query(description=RERANK)]
_MAX_DIVERSE = 1_000  # its time grows with the square


async def recommend_to_user(request: Request) -> Response:
    """Recommend to a user; an unknown user gets popular items."""
    return await _to_user(path_id(request, "user_id"), request)


async def recommend_from_category(request: Request) -> Response:
    """Recommend items of one category to a user."""
    category = path_id(request, "category")
    return await _to_user(path_id(request, "user_id"), request, category=category)


async def recommend_with_scores(request: Request) -> Response:
    """Recommend to a user, with scores: Gorse's list of its collaborative model."""
    category = path_id(request, "category") if "category" in request.path_params else ""
    return await _to_user(path_id(request, "user_id"), request, category=category, scored=True)


def add_recommend_routes(app: FastAPI, prefix: str) -> None:
    """Add the busiest routes: before all others, without a router in between."""
    for path, handler in (
        ("/recommend/{user_id}", recommend_to_user),
        ("/recommend/{user_id}/{category}", recommend_from_category),
        ("/collaborative-filtering/{user_id}", recommend_with_scores),
        ("/collaborative-filtering/{user_id}/{category}", recommend_with_scores),
        ("/intermediate/recommend/{user_id}", recommend_with_scores),
        ("/intermediate/recommend/{user_id}/{category}", recommend_with_scores),
    ):
        app.router.add_api_route(
            prefix + path,
            handler,
            response_model=_EITHER,
            tags=["recommendation"],
            openapi_extra=list_parameters(path),
            route_class_override=DirectRoute,
        )


async def _to_user(
    user_id: str, request: Request, *, category: str = "", scored: bool = False
) -> Response:
    service: Service = request.app.state.service
    params = ListParams.from_request(request, service.settings, category=category)
    (history,) = await service.histories([user_id])
    live = service.live
    user = live.user_row(user_id)
    list_request = ListRequest(
        history, params.n, params.offset, USER, user, params.filters, seen=params.seen
    )
    (ranked,) = await service.compute(
        lambda: recommend(live, [list_request]), depth=list_request.depth
    )
    if params.write_back and ranked.ids:
        rows = [
            Feedback(params.write_back, user_id, item, delay=params.delay) for item in ranked.ids
        ]
        await service.write(FeedbackWrite.of(rows, overwrite=False), urgent=False)
    headers: dict[str, str] = {}
    if params.rerank:
        ranked, headers = await _reranked(service, history, ranked)
    return _list_body(ranked, headers, scored=scored or params.scored)


async def _reranked(
    service: Service, history: History, ranked: RankedList
) -> tuple[RankedList, dict[str, str]]:
    """Return a list as the language model orders it, and the header of the outcome."""
    ordered = await rerank_page(service, history, ranked)
    return ordered or ranked, {"X-Recommend-Reranked": str(ordered is not None).lower()}


@router.post("/session/recommend", response_model=list[Scored], openapi_extra=_SESSION)
async def recommend_to_session(
    request: Request,
    service: CurrentService,
    page: ItemsPage,
    seen: Seen,
    rerank: Rerank = False,
) -> Response:
    """Recommend from the events of an anonymous session; they are not stored."""
    session = await read_rows(request, service, SessionBody, lambda body: body, rows=10_000)
    live = await service.catch_up()

    def rank() -> tuple[History, RankedList]:
        """Return the history and the list of the session."""
        history = session_history(service, session)
        request = ListRequest(history, page.n, page.offset, filters=page.filters, seen=seen)
        return history, recommend(live, [request])[0]

    history, ranked = await service.compute(rank, depth=max(page.depth, len(session)))
    headers: dict[str, str] = {}
    if rerank:
        ranked, headers = await _reranked(service, history, ranked)
    return _list_body(ranked, headers, scored=True)


@router.post("/session/recommend/{category}", response_model=list[Scored], openapi_extra=_SESSION)
async def recommend_to_session_from_category(
    request: Request,
    service: CurrentService,
    page: CategoryPage,
    seen: Seen,
    rerank: Rerank = False,
) -> Response:
    """Recommend items of one category from the events of an anonymous session."""
    return await recommend_to_session(request, service, page, seen, rerank)


@router.post("/recommend", response_model=BatchAnswer, openapi_extra=json_body(BatchQuery))
async def recommend_to_many(request: Request, service: CurrentService) -> Response:
    """Recommend to many users and anonymous histories in one request.

    With filters on categories, labels and numbers in Labels, excluded items, diversity, context.
    Each list has the sources of its items, and the reasons if it is shorter than requested.
    """
    batch = await read_body(request, service, BatchQuery)
    page_size(service, batch.N)
    _check_batch(batch, service.settings)
    return await json_stream(service, batch_pieces(service, batch))


def _check_batch(batch: BatchQuery, settings: Settings) -> None:
    """Raise 400 for a batch that would take too long."""
    lists, depth = len(batch.Users) + len(batch.Histories), batch.N + batch.Offset
    if lists > settings.max_queries:
        remedy = f"request at most {settings.max_queries:,} lists at once"
        raise http_error(400, "too many lists", received=lists, remedy=remedy)
    if lists * depth > settings.max_batch_items:
        what = "too many items: lists times (N + Offset)"
        remedy = f"request at most {settings.max_batch_items:,} at once"
        raise http_error(400, what, received=f"{lists:,} times {depth:,}", remedy=remedy)
    if batch.Diversity and depth > _MAX_DIVERSE:
        remedy = f"request at most {_MAX_DIVERSE:,} items a list with Diversity"
        raise http_error(400, "N + Offset is too large", received=f"{depth:,}", remedy=remedy)


def session_history(service: Service, session: list[SessionBody]) -> History:
    """Return the history of a session; an event without a type has the weight 1."""
    now = change_log.now_us()
    ordered = sorted(enumerate(session), key=lambda pair: (pair[1].Timestamp or now, pair[0]))
    events = [
        Event(body.ItemId, body.FeedbackType or "", body.Value or 0.0,
              None if body.FeedbackType else 1.0, now)
        for _, body in ordered
    ]  # fmt: skip
    return History.from_events(events, service.live.event_weights, now=now)


def _list_body(ranked: RankedList, headers: dict[str, str], *, scored: bool) -> Response:
    body: list[Any] = ranked.ids
    if scored:
        pairs = zip(ranked.ids, ranked.scores, strict=True)
        body = [{"Id": item, "Score": score} for item, score in pairs]
    headers["X-Recommend-Source"] = ",".join(dict.fromkeys(ranked.sources)) or "none"
    if ranked.reasons:
        headers["X-Recommend-Reason"] = "; ".join(ranked.reasons)
    return json_response(body, headers=headers)
