"""A conversation about the catalogue; its state comes and goes with the messages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import AfterValidator, BaseModel, Field

from polyrec.database.writer import Writer
from polyrec.generate.chat.conversation import ChatReply, ChatState, Conversation
from polyrec.generate.chat.parse import MAX_MESSAGE
from polyrec.generate.chat.rewriting import RewriteParser, rewrite_message
from polyrec.serve.api.bodies import json_body, read_body
from polyrec.serve.api.page_params import (
    MAX_CATEGORIES,
    FilterBody,
    LabelRange,
    TimeRange,
    page_size,
)
from polyrec.serve.api.schemas import (
    MAX_OFFSET,
    Id,
    OptionalId,
    StrictBody,
    check_text,
    schema_example,
)
from polyrec.serve.api.seen_params import seen_rule
from polyrec.serve.api.timestamps import format_timestamp
from polyrec.serve.middleware.access import caller_may
from polyrec.serve.ranking.chat_tools import LiveChatTools
from polyrec.serve.responses import json_response
from polyrec.serve.service import CurrentService, Service

router = APIRouter(tags=["content"])
MAX_WORDS = 10 * MAX_MESSAGE  # characters of what a conversation searches for
_Message = Annotated[str, Field(max_length=MAX_MESSAGE), AfterValidator(check_text)]
_Words = Annotated[str, Field(max_length=MAX_WORDS), AfterValidator(check_text)]
_Names = Annotated[list[str], Field(max_length=MAX_CATEGORIES)]
_Items = Annotated[list[Id], Field(max_length=1_000)]
_LAST = 2**53  # microseconds that a JSON number can hold


class ConversationState(FilterBody):
    """What a conversation looks for: send it back with the next message, as it is or changed."""

    model_config = schema_example(
        Text="sea", Categories=["films"], WithoutCategories=["horror"],
        Ranges={"price": {"Max": 20}}, Shown=["i1"],
    )  # fmt: skip

    Text: _Words = ""
    UnwantedWords: _Names = Field(default_factory=list)
    Items: _Items = Field(default_factory=list)
    Negative: _Items = Field(default_factory=list)
    Shown: _Items = Field(default_factory=list)
    Offset: Annotated[int, Field(ge=0, le=MAX_OFFSET)] = 0

    @classmethod
    def of(cls, state: ChatState) -> ConversationState:
        """Return the body of a state; what is longer than a body may be is cut."""
        filters = state.filters
        ranges = {
            key: LabelRange(Min=_finite(low), Max=_finite(high))
            for key, (low, high) in filters.ranges.items()
        }
        return cls.model_construct(
            Text=state.text[:MAX_WORDS],
            UnwantedWords=list(state.unwanted_words)[-MAX_CATEGORIES:],
            Categories=list(filters.categories)[-MAX_CATEGORIES:],
            AnyCategories=list(filters.any_categories)[-MAX_CATEGORIES:],
            WithoutCategories=list(filters.without_categories)[-MAX_CATEGORIES:],
            Labels=_lists(filters.labels),
            WithoutLabels=_lists(filters.without_labels),
            Ranges=ranges,
            Times=_time_range(filters.times),
            Items=list(state.items)[-1_000:],
            Negative=list(state.negative)[-1_000:],
            Shown=list(state.shown),
            Offset=min(state.offset, MAX_OFFSET),
        )

    def state(self) -> ChatState:
        """Return the state."""
        return ChatState(
            self.Text, tuple(self.UnwantedWords), self.filters(), tuple(self.Items),
            tuple(self.Negative), tuple(self.Shown), self.Offset,
        )  # fmt: skip


class ChatBody(StrictBody):
    """A message, for whom, and the state of the conversation; none at its beginning."""

    model_config = schema_example(Message="a film about the sea under 20 euros", UserId="ann", N=5)

    Message: _Message
    UserId: Annotated[OptionalId, Field(description="Order for this user.")] = ""
    State: ConversationState = Field(default_factory=ConversationState)
    N: Annotated[int, Field(ge=1)] = 10


class ListedItem(BaseModel):
    """An item of a reply."""

    Id: str
    Title: str


class ChatAnswer(BaseModel):
    """The reply in words, its items, the state to send with the next message.

    Unknown are conditions that the catalogue has no values for.
    """

    Reply: str
    Items: list[ListedItem]
    State: ConversationState
    Unknown: list[str]


@router.post("/chat", response_model=ChatAnswer, openapi_extra=json_body(ChatBody))
async def chat(request: Request, service: CurrentService) -> Response:
    """Reply to a message: words become a search, filters and items to be like.

    What a user states for good ("I don't like horror any more") is kept if the key may write.
    """
    body = await read_body(request, service, ChatBody)
    page_size(service, body.N)
    writer = service.writer if caller_may(request.scope, "write") else None
    tools = await chat_tools(service, body.UserId, writer)
    reply = await chat_reply(service, tools, body.Message, body.State.state(), n=body.N)
    return json_response(answer_body(reply))


async def chat_tools(service: Service, user: str, writer: Writer | None) -> LiveChatTools:
    """Return the tools of a user's conversation about the catalogue as it is now."""
    live = await service.catch_up()
    rule = seen_rule(service.settings)
    return LiveChatTools(service.database, live, service.model_updater.state, user, rule, writer)


async def chat_reply(
    service: Service, tools: LiveChatTools, message: str, state: ChatState, *, n: int
) -> ChatReply:
    """Return the reply to a message."""
    words = service.words
    rewritten = await rewrite_message(message, words.model_for("chat"), deadline_s=words.deadline_s)
    conversation = Conversation(tools, RewriteParser(rewritten), n=n)
    return await service.compute_limit.run(lambda: conversation.reply(message, state))


def answer_body(reply: ChatReply) -> dict[str, Any]:
    """Return the body of a reply."""
    pairs = zip(reply.items, reply.titles, strict=True)
    state = ConversationState.of(reply.state).model_dump()
    if reply.state.filters.times is not None:
        low, high = reply.state.filters.times
        state["Times"] = {
            name: format_timestamp(time) if abs(time) < _LAST else None
            for name, time in (("After", low), ("Before", high))
        }
    return {
        "Reply": reply.text,
        "Items": [{"Id": item, "Title": title} for item, title in pairs],
        "State": state,
        "Unknown": list(reply.unknown),
    }


def _lists(labels: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    return {key: list(values) for key, values in labels.items()}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _time_range(times: tuple[int, int] | None) -> TimeRange | None:
    if times is None:
        return None
    ends = [time if abs(time) < _LAST else None for time in times]
    return TimeRange.model_construct(After=ends[0], Before=ends[1])
