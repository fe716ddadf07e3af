"""A message in words -> what it changes in a conversation, by rules alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from polyrec.generate.chat.amounts import NumberConditions, take_numbers
from polyrec.generate.chat.chinese import in_english_forms, is_chinese, without_fillers
from polyrec.generate.chat.facets import FacetConditions, take_facets
from polyrec.generate.chat.periods import TimeConditions, take_periods
from polyrec.generate.chat.references import (
    FindItem,
    Mentions,
    explained_item,
    take_references,
)
from polyrec.generate.chat.statements import is_undo, stated_tastes
from polyrec.generate.chat.vocabulary import Facet, Vocabulary, fold_message
from polyrec.index.tastes import Taste

Intent = Literal["find", "more", "explain", "profile", "state", "undo", "help"]
MAX_MESSAGE = 1_000  # characters
TIMES = "time"  # what `dropped` calls conditions on times
FACETS = "category"  # and those on categories and labels

_RESET = re.compile(
    r"\b(?:start (?:over|again|from scratch)|reset|new search|clear (?:all|everything)"
    r"|forget (?:everything|all|it|that))\b"
)
_MORE = re.compile(
    r"(?:(?:ok|and|yes|please|show|give|me|some|any|the|a few|what|see|list|load|\s)*)"
    r"\b(?:more|next(?: page| ones?)?|others?|something else|anything else|what else|continue"
    r"|more (?:of (?:these|those|them)|please|items|results|films|movies))(?: please)?[\s.!?]*"
)
_HELP = re.compile(
    r"(?:hi|hello|hey|help|thanks?(?: you)?|bye|what can (?:you|i) do|how does this work)"
    r"(?: there)?[\s.!?]*"
)
_PROFILE = re.compile(
    r".*\b(?:what (?:do|can) you (?:think|know|say) (?:(?:that )?i (?:like|want|prefer|enjoy)"
    r"|(?:about|of) (?:me|my taste))|what(?:'s| is) my (?:taste|profile)"
    r"|(?:show|tell)(?: me)? (?:about )?my (?:taste|profile)|what do i like|my profile)\b.*"
)
_DROP = (
    r"\b(?:at )?(?:any|every|all|whatever|forget|ignore|drop|remove|never mind|regardless of)"
    r"(?: the| about the| about)? {name}(?:s|ies)?(?: filters?| limits?| ranges?)?\b"
    r"|\b(?:the )?{name} (?:doesn't|does not|don't) matter\b"
)
_DROPPED = (
    ("price", r"(?:prices?|budget|costs?)"),
    (FACETS, r"(?:categor(?:y|ies)|genres?|types?|kinds?)"),
    (TIMES, r"(?:years?|times?|dates?|periods?|decades?|age)"),
    ("rating", r"(?:ratings?|scores?|stars?)"),
)
_ADDS = re.compile(r"^(?:and|also|plus|or|but|with|only|just|in|make it|it should|they should)\b")
_ALSO = re.compile(r"\b(?:also|too|as well|plus)\b|^(?:and|or)\b")


@dataclass(frozen=True)
class ParsedMessage:
    """What a message asks for, and how it changes what the conversation looks for."""

    intent: Intent = "find"
    is_reset: bool = False  # what was looked for before is forgotten first
    adds_words: bool = False  # its words are added to those before
    adds_facets: bool = False  # and so are its categories and labels
    facets: FacetConditions = field(default_factory=FacetConditions)
    numbers: NumberConditions = field(default_factory=NumberConditions)
    times: TimeConditions = field(default_factory=lambda: TimeConditions({}))
    mentions: Mentions = field(default_factory=Mentions)
    explained: str = ""  # the item to explain; "" for none that is known
    dropped: tuple[str, ...] = ()  # conditions to take back: a key, `TIMES` or `FACETS`
    tastes: tuple[Taste, ...] = ()  # to be kept

    @property
    def unknown(self) -> tuple[str, ...]:
        """Return the conditions that the catalogue has no values for."""
        return (*self.numbers.unknown, *self.times.unknown)


@dataclass(frozen=True)
class MessageContext:
    """What a message is read with."""

    vocabulary: Vocabulary
    find_item: FindItem  # the item with a title
    now: datetime
    shown: Sequence[str] = ()  # the last list


class MessageParser(Protocol):
    """Reads messages: by rules, or by a language model whose answer is checked."""

    def parse(self, message: str, context: MessageContext) -> ParsedMessage:
        """Return what a message asks for."""


class RuleParser:
    """Reads English and Chinese messages by rules; names may be of any language."""

    def parse(self, message: str, context: MessageContext) -> ParsedMessage:
        """Return what a message asks for."""
        text = fold_message(message[:MAX_MESSAGE])
        if is_chinese(text):
            text = in_english_forms(text)[:MAX_MESSAGE]
        if _HELP.fullmatch(text):
            return ParsedMessage("help")
        if is_undo(text):
            return ParsedMessage("undo")
        tastes = stated_tastes(text, context.vocabulary, context.find_item)
        if tastes:
            unwanted = [facet for taste in tastes for facet in _unwanted_facets(taste)]
            return ParsedMessage("state", facets=FacetConditions(unwanted=unwanted), tastes=tastes)
        if _PROFILE.fullmatch(text):
            return ParsedMessage("profile")
        explained = explained_item(text, context.shown, context.find_item)
        if explained is not None:
            return ParsedMessage("explain", explained=explained)
        if context.shown and _MORE.fullmatch(text):
            return ParsedMessage("more")
        return _find(text, context)


def _unwanted_facets(taste: Taste) -> list[Facet]:
    """Return the facet that the conversation leaves out from now on."""
    if taste.attitude != "dislike" or taste.subject not in ("category", "label"):
        return []
    return [Facet(taste.key if taste.subject == "label" else None, taste.value)]


def _find(text: str, context: MessageContext) -> ParsedMessage:
    vocabulary = context.vocabulary
    is_reset = _RESET.search(text) is not None
    text = _RESET.sub(" ", text).strip()
    adds = _ADDS.search(text) is not None
    also = _ALSO.search(text) is not None
    text, mentions = take_references(text, context.shown, context.find_item)
    text, dropped = _take_dropped(text)
    text, times = take_periods(text, vocabulary, context.now)
    text, numbers = take_numbers(text, vocabulary)
    facets = take_facets(text, vocabulary)
    facets.text = without_fillers(facets.text)
    facets.unwanted_words = without_fillers(" ".join(facets.unwanted_words)).split()
    return ParsedMessage(
        "find", is_reset, adds, also, facets, numbers, times, mentions, dropped=dropped
    )


def _take_dropped(text: str) -> tuple[str, tuple[str, ...]]:
    dropped = []
    for name, words in _DROPPED:
        pattern = _DROP.replace("{name}(?:s|ies)?", words).replace("{name}", words)
        if re.search(pattern, text):
            dropped.append(name)
            text = re.sub(pattern, " | ", text)
    return text, tuple(dropped)
