"""A message in the forms that the rules read, as a language model rewrites it.

The model sees the message alone: no text of an item can change what a message means. Its words go
through the same rules as a person's, so that every condition is compared with the catalogue.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from polyrec.errors import LanguageModelError
from polyrec.generate.chat.parse import (
    MAX_MESSAGE,
    MessageContext,
    ParsedMessage,
    RuleParser,
)
from polyrec.generate.chat.vocabulary import fold_message
from polyrec.generate.language_model.client import LanguageModel
from polyrec.generate.language_model.prompt import Prompt

_log = logging.getLogger(__name__)
_NUMBER = re.compile(r"\d+")
_QUOTED = re.compile(r'"([^"]*)"')


class RewrittenMessage(BaseModel):
    """The answer of a language model to `message.v1`."""

    model_config = ConfigDict(extra="forbid")

    message: str


async def rewrite_message(message: str, model: LanguageModel | None, *, deadline_s: float) -> str:
    """Return a message in plain English; "" without a model, after the deadline, on any failure."""
    if model is None:
        return ""
    prompt = Prompt("message.v1", {"message": message[:MAX_MESSAGE]}, personal="messages")
    try:
        return (await model.complete(prompt, RewrittenMessage, deadline_s=deadline_s)).message
    except LanguageModelError as error:
        _log.warning("message not rewritten by the language model, read by rules: %s", error)
        return ""


@dataclass(frozen=True)
class RewriteParser:
    """Reads what a model made of a message; by its own words where that fails a check.

    Whatever the rules read as more than a search, all that is stored included, is read from the
    person's own words. A rewritten message has the numbers of these, and no titles that they lack.
    """

    rewritten: str
    rules: RuleParser = field(default_factory=RuleParser)

    def parse(self, message: str, context: MessageContext) -> ParsedMessage:
        """Return what a message asks for."""
        plain = self.rules.parse(message, context)
        if plain.intent != "find" or not is_faithful(self.rewritten, message):
            return plain
        parsed = self.rules.parse(self.rewritten, context)
        return parsed if parsed.intent in ("find", "more", "explain") else plain


def is_faithful(rewritten: str, message: str) -> bool:
    """Return whether a rewritten message has the numbers, and no quoted titles but those.

    Where a message has no digits, its numbers may be words, and the rewritten ones stand.

    >>> is_faithful('under 20 euros, like "Jaws"', "wie „Jaws“, nicht über 20 Euro")
    True
    >>> is_faithful("a comedy under 5 euros", "eine Komödie unter 20 Euro")
    False
    """
    if not rewritten.strip() or len(rewritten) > MAX_MESSAGE or not rewritten.isprintable():
        return False
    folded, own = fold_message(rewritten), fold_message(message)
    numbers, rewritten_numbers = set(_NUMBER.findall(own)), set(_NUMBER.findall(folded))
    forms = [{number, f"19{number}", f"20{number}"} for number in numbers]  # the 90s, the 1990s
    if not all(rewritten_numbers & form for form in forms):
        return False
    if numbers and not rewritten_numbers <= set().union(*forms):
        return False
    return all(title in own for title in _QUOTED.findall(folded))
