"""Many lists in one request: what is asked, and what is answered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field

from polyrec.serve.api.schemas import Id, example
from polyrec.serve.ranking.recommender import SESSION, USER, ListRequest, RankedList, recommend
from polyrec.serve.service import Service
from polyrec.serve.state.history import History
from polyrec.serve.state.live_catalog import Filters

_Labels = dict[str, list[str]]


class LabelRange(BaseModel):
    """A range of numbers, both ends included; an end that is not given is open."""

    model_config = example(Min=5, Max=20)

    Min: Annotated[float, Field(allow_inf_nan=False)] | None = None
    Max: Annotated[float, Field(allow_inf_nan=False)] | None = None


class ContextBody(BaseModel):
    """What is the case right now: items that are being looked at, labels that suit the moment.

    The items count as the latest history, and are not recommended; items with one of the labels
    of each key are raised by a quarter of the range of scores.
    """

    model_config = example(Items=["i7"], Labels={"season": ["winter"]})

    Items: Annotated[list[Id], Field(max_length=100)] = []
    Labels: Annotated[_Labels, Field(max_length=100)] = {}


class BatchQuery(BaseModel):
    """Questions that share their settings: one list per user, then one per history."""

    model_config = example(
        Users=["ann"], Histories=[["i1", "i9"]], N=10, Categories=["films"],
        Labels={"genre": ["drama", "comedy"]}, Ranges={"price": {"Max": 20}}, Exclude=["i3"],
        Diversity=0.3, Context={"Items": ["i7"]},
    )  # fmt: skip

    Users: list[Id] = []
    Histories: Annotated[
        list[Annotated[list[Id], Field(max_length=10_000)]],
        Field(description="Item ids, oldest first."),
    ] = []
    N: Annotated[int, Field(ge=0)] = 10
    Offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    Categories: Annotated[
        list[str], Field(max_length=100, description="All of which an item has to be in.")
    ] = []
    Labels: Annotated[
        _Labels,
        Field(max_length=100, description='For each key one of the labels; "" is for plain tags.'),
    ] = {}
    Ranges: Annotated[
        dict[str, LabelRange], Field(max_length=100, description="Of numbers in Labels.")
    ] = {}
    Exclude: Annotated[list[Id], Field(max_length=100_000)] = []
    Diversity: Annotated[
        float, Field(ge=0, le=1, description="0: the best, 1: the most different.")
    ] = 0.0
    HideSeen: bool = True
    Context: ContextBody | None = None


class BatchItem(BaseModel):
    """An item of a list. Scores are comparable within a source; a later source lies below."""

    Id: str
    Score: float
    Source: Annotated[str, Field(description="user, session, content or popular")]


class BatchList(BaseModel):
    """One list."""

    UserId: str | None
    Items: list[BatchItem]
    Sources: Annotated[list[str], Field(description="Of the fallback chain, as far as it went.")]
    Reasons: Annotated[list[str], Field(description="Why there are fewer than N items.")]


class BatchAnswer(BaseModel):
    """The lists in the order of the questions, and the model that made them."""

    Results: list[BatchList]
    Model: str


def answer_batch(
    service: Service, batch: BatchQuery, histories: Sequence[History]
) -> dict[str, Any]:
    """Return the body that answers a batch; `histories` are those of its users."""
    live = service.live
    told = [History.from_items(items) for items in batch.Histories]
    asked = [
        *(_question(batch, h, USER, live.user_row(u))
          for u, h in zip(batch.Users, histories, strict=True)),
        *(_question(batch, history, SESSION, -1) for history in told),
    ]  # fmt: skip
    answers = recommend(live, asked)
    names = [*batch.Users, *[None] * len(told)]
    lists = [_list(name, answer) for name, answer in zip(names, answers, strict=True)]
    return {"Results": lists, "Model": live.model.version}


def _question(batch: BatchQuery, history: History, source: str, user: int) -> ListRequest:
    context = batch.Context or ContextBody()
    ranges = {
        key: (-math.inf if r.Min is None else r.Min, math.inf if r.Max is None else r.Max)
        for key, r in batch.Ranges.items()
    }
    return ListRequest(
        history.with_recent(context.Items) if context.Items else history,
        batch.N,
        batch.Offset,
        source,
        user,
        Filters(tuple(batch.Categories), batch.Labels, ranges),
        exclude=[*batch.Exclude, *context.Items],
        prefer=context.Labels,
        diversity=batch.Diversity,
        hide_seen=batch.HideSeen,
    )


def _list(user_id: str | None, answer: RankedList) -> dict[str, Any]:
    rows = zip(answer.ids, answer.scores, answer.sources, strict=True)
    return {
        "UserId": user_id,
        "Items": [{"Id": item, "Score": score, "Source": source} for item, score, source in rows],
        "Sources": list(dict.fromkeys(answer.sources)),
        "Reasons": answer.reasons,
    }
