"""A conversation about the catalogue; the page carries its state from message to message."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from pydantic import AfterValidator, ValidationError

from polyrec.dashboard.item_cards import item_cards
from polyrec.dashboard.rendering import render_page
from polyrec.dashboard.session_user import FormText, ReadForm, ReadUser
from polyrec.generate.chat.parse import MAX_MESSAGE
from polyrec.serve.api.routes.chat import ConversationState, answer_body, chat_reply, chat_tools
from polyrec.serve.api.schemas import check_optional_id, check_text
from polyrec.serve.responses import http_error
from polyrec.serve.service import CurrentService

router = APIRouter()
_ITEMS, _MAX_STATE = 12, 65_536
_Message = Annotated[str, Form(max_length=MAX_MESSAGE), AfterValidator(check_text)]
_State = Annotated[str, Form(max_length=_MAX_STATE)]
_UserId = Annotated[FormText, AfterValidator(check_optional_id)]
_EMPTY = {"message": "", "reply": "", "cards": [], "state": "{}", "user_id": ""}


@router.get("/chat")
async def chat_page(request: Request, service: CurrentService, user: ReadUser) -> Response:
    """Show the beginning of a conversation."""
    return render_page(request, service, user, "chat", _EMPTY)


@router.post("/chat")
async def chat_message(
    request: Request,
    service: CurrentService,
    session: ReadForm,
    message: _Message,
    state: _State = "{}",
    user: _UserId = "",
) -> Response:
    """Show the reply to a message."""
    try:
        body = ConversationState.model_validate_json(state)
    except ValidationError as error:
        received = error.errors(include_url=False)[0]["msg"]
        remedy = "begin the conversation again"
        raise http_error(400, "state is invalid", received=received, remedy=remedy) from None
    tools = await chat_tools(service, user, service.writer if session.may("write") else None)
    reply = await chat_reply(service, tools, message, body.state(), n=_ITEMS)
    values = {
        "message": message,
        "reply": reply.text,
        "cards": await item_cards(service, reply.items),
        "state": orjson.dumps(answer_body(reply)["State"]).decode(),
        "user_id": user,
    }
    return render_page(request, service, session, "chat", values)
