"""Batches: many lists in one request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, Field

from polyrec.serve.api import seen_params
from polyrec.serve.api.page_params import PageBody
from polyrec.serve.api.schemas import Id, StrictBody, schema_example
from polyrec.serve.api.seen_params import seen_rule
from polyrec.serve.api.streams import json_list, json_object
from polyrec.serve.ranking.recommender import (
    SESSION,
    USER,
    ListRequest,
    RankedList,
    recommend_each,
)
from polyrec.serve.ranking.visible import ExcludedItems
from polyrec.serve.service import Service
from polyrec.serve.state.history import History


class ContextBody(StrictBody):
    """The current context: items on screen, labels that suit the moment.

    The items count as the latest history and are not recommended. Items with one of the labels of
    each key are raised by a quarter of the range of scores.
    """

    model_config = schema_example(Items=["i7"], Labels={"season": ["winter"]})

    Items: Annotated[list[Id], Field(max_length=100)] = Field(default_factory=list)
    Labels: Annotated[dict[str, list[str]], Field(max_length=100)] = Field(default_factory=dict)


class BatchQuery(PageBody):
    """Queries with common settings: one list per user, then one per history."""

    model_config = schema_example(
        Users=["ann"], Histories=[["i1", "i9"]], N=10, Categories=["films"],
        Labels={"genre": ["drama", "comedy"]}, Ranges={"price": {"Max": 20}}, Exclude=["i3"],
        Diversity=0.3, Context={"Items": ["i7"]},
    )  # fmt: skip

    Users: list[Id] = Field(default_factory=list)
    Histories: Annotated[
        list[Annotated[list[Id], Field(max_length=10_000)]],
        Field(description="Item ids, oldest first."),
    ] = Field(default_factory=list)
    Diversity: Annotated[
        float, Field(ge=0, le=1, description="0: relevance only, 1: diversity only.")
    ] = 0.0
    HideSeen: seen_params.HideSeen = None
    HidingKinds: seen_params.HidingKinds = None
    Context: ContextBody | None = None


class BatchItem(BaseModel):
    """An item of a list. Scores are comparable within a source; later sources score lower."""

    Id: str
    Score: float
    Source: Annotated[str, Field(description="user, session, content or popular")]


class BatchList(BaseModel):
    """One list."""

    UserId: str | None
    Items: list[BatchItem]
    Sources: Annotated[list[str], Field(description="Steps of the fallback chain that were used.")]
    Reasons: Annotated[list[str], Field(description="Why the list has fewer than N items.")]


class BatchAnswer(BaseModel):
    """The lists in the order of the query, and the version of the model."""

    Results: list[BatchList]
    Model: str


def batch_pieces(service: Service, batch: BatchQuery) -> Iterator[bytes]:
    """Yield the body of the response piece by piece, all lists by one model."""
    live = service.live
    live.catch_up()
    model = live.model
    names: list[str | None] = [*batch.Users, *[None] * len(batch.Histories)]
    ranked_lists = recommend_each(live, model, _list_requests(service, batch))
    pairs = zip(names, ranked_lists, strict=True)
    lists = (_list(name, ranked) for name, ranked in pairs)
    return json_object({
        "Results": json_list(lists), "Model": iter([orjson.dumps(model.version)])
    })  # fmt: skip


def _list_requests(service: Service, batch: BatchQuery) -> Iterator[ListRequest]:
    """Yield the requests; a history is loaded when it is needed."""
    live = service.live
    context = batch.Context or ContextBody()

    def request(history: History, source: str, user: int) -> ListRequest:
        return replace(
            shared,
            history=history.with_recent(context.Items) if context.Items else history,
            source=source,
            user=user,
        )

    shared = ListRequest(
        History.from_items(()),
        batch.N,
        batch.Offset,
        filters=batch.filters(),
        exclude=ExcludedItems([*batch.Exclude, *context.Items]),
        prefer=context.Labels,
        diversity=batch.Diversity,
        seen=seen_rule(service.settings, hide=batch.HideSeen, kinds=batch.HidingKinds),
    )
    for name in batch.Users:
        yield request(live.history(name), USER, live.user_row(name))
    for items in batch.Histories:
        yield request(History.from_items(items), SESSION, -1)


def _list(user_id: str | None, ranked: RankedList) -> dict[str, Any]:
    rows = zip(ranked.ids, ranked.scores, ranked.sources, strict=True)
    return {
        "UserId": user_id,
        "Items": [{"Id": item, "Score": score, "Source": source} for item, score, source in rows],
        "Sources": list(dict.fromkeys(ranked.sources)),
        "Reasons": ranked.reasons,
    }
