"""polyrec chat."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from polyrec.cli.app import AsJson, BundleFolder, Count, UserId, app, load_bundle
from polyrec.cli.console import out, print_json, print_table

if TYPE_CHECKING:
    from polyrec.generate.chat.conversation import ChatReply


@app.command()
def chat(
    bundle: BundleFolder,
    message: Annotated[
        list[str] | None,
        typer.Option(help="A message; may be repeated. Without it, they are read."),
    ] = None,
    user: UserId = None,
    k: Count = 10,
    as_json: AsJson = False,
) -> None:
    """Talk about the catalogue: what you look for, and what it must not be."""
    from polyrec.cli.commands.conversation.bundle_tools import BundleChatTools
    from polyrec.generate.chat.conversation import ChatState, Conversation

    conversation = Conversation(BundleChatTools(load_bundle(bundle), user), n=k)
    state = ChatState()
    if not message and sys.stdin.isatty():
        out.print("Say what you look for; an empty line ends.")
    for text in message or map(str.strip, sys.stdin):
        if not text:
            break
        reply = conversation.reply(text, state)
        state = reply.state
        _print_reply(reply, as_json=as_json)


def _print_reply(reply: ChatReply, *, as_json: bool) -> None:
    pairs = list(zip(reply.items, reply.titles, strict=True))
    if as_json:
        items = [{"id": item, "title": title} for item, title in pairs]
        print_json({"reply": reply.text, "items": items, "unknown": reply.unknown})
        return
    out.print(escape(reply.text), highlight=False)
    if pairs:
        rows = [(rank, item, title) for rank, (item, title) in enumerate(pairs, start=1)]
        print_table(("", "item", "title"), rows)
