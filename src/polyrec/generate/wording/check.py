"""Whether a model's wording states the facts of a reason and nothing else.

A wording has placeholders for items and sources: titles and shares are filled in here, never by the
model. Each placeholder must occur once, after a phrase that makes it a cause; all other words must
be from a short list that has no numbers, no negations and no claims.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from polyrec.generate.wording.facts import ReasonFacts
from polyrec.generate.wording.templates import ReasonLanguage, quoted_title, source_phrase

_MAX_WORDING = 300  # characters


@dataclass(frozen=True)
class _Grammar:
    words: frozenset[str]
    item_causes: tuple[tuple[str, ...], ...]  # the words before an item, or before a list of items
    source_causes: tuple[tuple[str, ...], ...]
    separators: frozenset[str]  # in a list, and what may follow a placeholder
    stops: frozenset[str]  # end a sentence
    token: re.Pattern[str]


_PLACEHOLDER = r"\{\w{1,20}\}"
_ENGLISH_WORDS = """
a and are as based because behind by come comes due for from here history in is it its list of on
our reason reasons recommend recommended recommendation stem stems suggest suggested suggestion
thanks that the this through to we with you your
"""
_CHINESE_WORDS = """
因为 基于 由于 根据 您 你 历史 记录 中的 里的 的 我们 推荐 这个 它 了 给 为 来自 通过 理由 原因
是 所以
"""
_GRAMMARS: dict[ReasonLanguage, _Grammar] = {
    "en": _Grammar(
        frozenset(_ENGLISH_WORDS.split()),
        (("because", "of"), ("based", "on"), ("thanks", "to"), ("due", "to")),
        (("because", "of"), ("based", "on"), ("thanks", "to"), ("due", "to"), ("from",), ("by",),
         ("through",)),
        frozenset((",", "and", ";", ":")),
        frozenset((".", "!")),
        re.compile(rf"{_PLACEHOLDER}|[a-z]+|[^\sa-z]"),
    ),
    "zh": _Grammar(
        frozenset(_CHINESE_WORDS.split()),
        (("因为",), ("基于",), ("由于",), ("根据",), ("历史", "中的"), ("历史", "里的"),
         ("记录", "中的"), ("记录", "里的")),
        (("来自",), ("通过",), ("因为",), ("基于",), ("由于",), ("根据",)),
        frozenset(("，", "、", "和", "与", "以及", "；", "：")),
        frozenset(("。", "！")),
        re.compile(
            "|".join(
                [_PLACEHOLDER, *sorted(["以及", *_CHINESE_WORDS.split()], key=len)[::-1], r"\S"]
            )
        ),
    ),
}  # fmt: skip
_FILLERS = {"en": (("in", "your", "history"), ("from", "your", "history")), "zh": ()}
"""What may follow an item beside a separator or the end of the sentence."""


def item_placeholder(position: int) -> str:
    """Return the placeholder of an item, counted from 0."""
    return f"{{item{position + 1}}}"


def source_placeholder(position: int) -> str:
    """Return the placeholder of a source, counted from 0."""
    return f"{{source{position + 1}}}"


def checked_wording(text: str, facts: ReasonFacts, language: ReasonLanguage) -> str | None:
    """Return the wording with titles and shares filled in; None if it does not pass.

    >>> facts = ReasonFacts(("A",), (("text", 100),), True)
    >>> checked_wording("We suggest this because of {item1}, from {source1}.", facts, "en")
    'We suggest this because of “A”, from its text (100%).'
    >>> checked_wording("You loved {item1} and {source1}.", facts, "en")
    """
    grammar = _GRAMMARS[language]
    values = placeholder_values(facts, language)
    if len(text) > _MAX_WORDING or not text.isprintable():
        return None
    tokens = grammar.token.findall(text.lower())
    if sorted(t for t in tokens if t.startswith("{") and len(t) > 1) != sorted(values):
        return None
    if not _words_allowed(tokens, grammar, values) or not _placement_allowed(tokens, language):
        return None
    # once per placeholder: a title that looks like one is not replaced
    return re.sub(_PLACEHOLDER, lambda match: values[match[0].lower()], text.strip())


def placeholder_values(facts: ReasonFacts, language: ReasonLanguage) -> dict[str, str]:
    """Return placeholder -> a quoted title, or a source with its share."""
    items = {
        item_placeholder(position): quoted_title(title)
        for position, title in enumerate(facts.titles)
    }
    sources = {
        source_placeholder(position): f"{source_phrase(name, language)} ({percent}%)"
        for position, (name, percent) in enumerate(facts.percents)
    }
    return items | sources


def _words_allowed(tokens: Sequence[str], grammar: _Grammar, values: dict[str, str]) -> bool:
    allowed = grammar.words | grammar.separators | grammar.stops | set(values)
    stops = [token for token in tokens if token in grammar.stops]
    return set(tokens) <= allowed and tokens[-1] in grammar.stops and len(stops) <= 2


def _placement_allowed(tokens: Sequence[str], language: ReasonLanguage) -> bool:
    """Return whether each placeholder follows a cause or another of its list, and ends a phrase."""
    grammar = _GRAMMARS[language]
    for position, token in enumerate(tokens):
        if not token.startswith("{"):
            continue
        causes = grammar.item_causes if token.startswith("{item") else grammar.source_causes
        if not _follows_cause(tokens[:position], causes, token[:5], grammar):
            return False
        after = tokens[position + 1 : position + 4]
        ends = bool(after) and after[0] in grammar.separators | grammar.stops
        if not ends and tuple(after) not in _FILLERS[language]:
            return False
    return True


def _follows_cause(
    before: Sequence[str], causes: tuple[tuple[str, ...], ...], kind: str, grammar: _Grammar
) -> bool:
    if any(tuple(before[-len(cause) :]) == cause for cause in causes):
        return True
    listed = list(before)
    while listed and listed[-1] in grammar.separators:
        listed.pop()
    return len(listed) < len(before) and bool(listed) and listed[-1].startswith(kind)
