"""A conversation: what was looked for so far, and the reply to the next message.

Nothing is stored: a reply carries the state, and the next message brings it back. Every item of a
reply comes from the tools, which return nothing but visible items that pass the filters.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

from polyrec.generate.chat import replies
from polyrec.generate.chat.facets import FacetConditions
from polyrec.generate.chat.parse import (
    FACETS,
    TIMES,
    MessageContext,
    MessageParser,
    ParsedMessage,
    RuleParser,
)
from polyrec.generate.chat.profile import TasteProfile
from polyrec.generate.chat.vocabulary import Facet, Vocabulary
from polyrec.generate.chat.wordings import ReplyWording, wording_for
from polyrec.index.filters import NO_FILTERS, Filters
from polyrec.index.tastes import Taste, TasteEdits


@dataclass(frozen=True)
class ChatState:
    """What a conversation looks for, and its last list."""

    text: str = ""
    unwanted_words: tuple[str, ...] = ()  # no item's text may have one of these
    filters: Filters = NO_FILTERS
    items: tuple[str, ...] = ()  # to be like
    negative: tuple[str, ...] = ()  # to be unlike
    shown: tuple[str, ...] = ()
    offset: int = 0  # items of earlier pages


class ChatTools(Protocol):
    """What a conversation does with a catalogue, for one user."""

    def vocabulary(self) -> Vocabulary:
        """Return what messages can name."""

    def find_item(self, title: str) -> str | None:
        """Return the visible item with a title, None if there is none."""

    def visible(self, items: Sequence[str]) -> list[str]:
        """Return those of the items that may be shown."""

    def titles(self, items: Sequence[str]) -> list[str]:
        """Return the titles of items."""

    def values(self, items: Sequence[str], key: str) -> list[float]:
        """Return the numbers of these items under a key; their times under ""."""

    def ranked(self, state: ChatState, n: int) -> list[str]:
        """Return the visible items that pass the filters and suit the state best."""

    def profile(self) -> TasteProfile:
        """Return what the user's history has more often than the catalogue."""

    def tastes(self) -> TasteEdits:
        """Return what the user stated."""

    def edit_tastes(self, tastes: TasteEdits) -> int | None:
        """Keep what the user states, or without tastes undo the last; return 1 if that changes it.

        None is for where nothing can be kept.
        """

    def because(self, item: str) -> list[str]:
        """Return the items of the user's history for which the model recommends an item."""


@dataclass(frozen=True)
class ChatReply:
    """A reply in words, the items that it lists, and the state to send with the next message."""

    text: str
    items: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    state: ChatState = ChatState()
    unknown: tuple[str, ...] = ()  # conditions that the catalogue has no values for


@dataclass(frozen=True)
class Conversation:
    """Replies to messages about a catalogue."""

    tools: ChatTools
    parser: MessageParser = field(default_factory=RuleParser)
    n: int = 10

    def reply(
        self, message: str, state: ChatState = ChatState(), *, now: datetime | None = None
    ) -> ChatReply:
        """Return the reply to a message."""
        vocabulary = self.tools.vocabulary()
        items, negative = (tuple(self.tools.visible(ids)) for ids in (state.items, state.negative))
        state = replace(state, items=items, negative=negative)
        context = MessageContext(
            vocabulary, self.tools.find_item, now or datetime.now(UTC), state.shown
        )
        parsed = self.parser.parse(message, context)
        wording = wording_for(message)
        if parsed.intent == "help":
            return ChatReply(replies.help_text(vocabulary, wording), state=state)
        if parsed.intent == "profile":
            return self._profile(state, wording)
        if parsed.intent == "explain":
            return self._explanation(parsed.explained, state, wording)
        before = ""
        if parsed.intent in ("state", "undo"):
            before = self._keep(parsed.tastes, wording)
        if parsed.intent == "more":
            state = replace(state, offset=state.offset + len(state.shown))
        else:
            state = self._changed(state, parsed)
        return self._list(state, parsed, wording, before=before)

    def _keep(self, tastes: TasteEdits, wording: ReplyWording) -> str:
        """Keep tastes, or undo the last; return what was done, in words."""
        changed = self.tools.edit_tastes(tastes)
        if changed is None:
            return wording.not_kept
        if not tastes:
            return wording.undone if changed else wording.nothing_to_undo
        return replies.kept_text([self._named(taste) for taste in tastes], wording)

    def _named(self, taste: Taste) -> Taste:
        """Return a taste with an item's title in place of its id."""
        if taste.subject != "item":
            return taste
        return taste._replace(value=self.tools.titles([taste.value])[0])

    def _list(
        self, state: ChatState, parsed: ParsedMessage, wording: ReplyWording, *, before: str = ""
    ) -> ChatReply:
        items = tuple(self.tools.ranked(state, self.n))
        names = self._names((*state.items, *state.negative))
        text = replies.list_text(state, len(items), wording, names=names, unknown=parsed.unknown)
        text = f"{before} {text}".strip()
        after = replace(state, shown=items) if items else state
        return ChatReply(text, items, tuple(self.tools.titles(items)), after, parsed.unknown)

    def _profile(self, state: ChatState, wording: ReplyWording) -> ChatReply:
        profile = self.tools.profile()
        items, titles = profile.latest, tuple(self.tools.titles(profile.latest))
        tastes = [self._named(taste) for taste in self.tools.tastes()]
        text = replies.profile_text(profile, titles, tastes, wording)
        return ChatReply(text, items, titles, state)

    def _explanation(self, item: str, state: ChatState, wording: ReplyWording) -> ChatReply:
        if not item or not self.tools.visible([item]):
            return ChatReply(wording.unknown_item, state=state)
        because = self.tools.because(item)
        names = self._names((item, *because, *state.items, *state.negative))
        conditions = replies.describe_state(state, names, wording) if item in state.shown else ()
        titles = [names[other] for other in because]
        text = replies.reason_text(names[item], titles, tuple(conditions), wording)
        return ChatReply(text, (item,), (names[item],), state)

    def _names(self, items: Sequence[str]) -> dict[str, str]:
        return dict(zip(items, self.tools.titles(items), strict=True))

    def _changed(self, state: ChatState, parsed: ParsedMessage) -> ChatState:
        """Return the state after a message."""
        if parsed.is_reset:
            state = ChatState()
        filters = _without(state.filters, parsed.dropped, self.tools.vocabulary())
        filters = _with_facets(filters, parsed.facets, adds=parsed.adds_facets)
        ranges = {**filters.ranges, **parsed.numbers.ranges, **parsed.times.years}
        filters = replace(filters, ranges=ranges, times=parsed.times.times or filters.times)
        for key, direction in parsed.numbers.compared:
            filters = self._compared(filters, state.shown, key, direction)
        text = parsed.facets.text
        if text and not parsed.adds_words:  # another search: what it was compared with is gone
            state = ChatState(shown=state.shown)
        mentions = parsed.mentions
        return ChatState(
            text=f"{state.text} {text}".strip(),
            unwanted_words=_unique((*state.unwanted_words, *parsed.facets.unwanted_words)),
            filters=filters,
            items=mentions.items or state.items,
            negative=_unique((*state.negative, *mentions.negative)),
            shown=state.shown,
        )

    def _compared(
        self, filters: Filters, shown: Sequence[str], key: str, direction: int
    ) -> Filters:
        """Return the filters for more or less of a number than half of the last list has."""
        values = self.tools.values(shown, key)
        if not values:
            return filters
        edge = statistics.median_high(values) if direction < 0 else statistics.median_low(values)
        if not key:
            low, high = filters.times or (-(2**62), 2**62)
            times = (int(edge) + 1, high) if direction > 0 else (low, int(edge) - 1)
            return replace(filters, times=times)
        least, most = filters.ranges.get(key, (-math.inf, math.inf))
        ends = (_beyond(edge, 1), most) if direction > 0 else (least, _beyond(edge, -1))
        return replace(filters, ranges={**filters.ranges, key: ends})


def _beyond(value: float, direction: int) -> float:
    """Return the next number, or the next whole number where values look like years."""
    if float(value).is_integer() and abs(value) > 1_000:
        return value + direction
    return math.nextafter(value, direction * math.inf)


def _without(filters: Filters, dropped: Iterable[str], vocabulary: Vocabulary) -> Filters:
    """Return filters without the conditions that a message takes back."""
    for name in dropped:
        if name == FACETS:
            filters = Filters(ranges=filters.ranges, times=filters.times)
            continue
        key = vocabulary.number_key("year" if name == TIMES else name)
        ranges = {k: ends for k, ends in filters.ranges.items() if k != key}
        times = None if name == TIMES else filters.times
        filters = replace(filters, ranges=ranges, times=times)
    return filters


def _with_facets(filters: Filters, facets: FacetConditions, *, adds: bool) -> Filters:
    """Return filters with the facets of a message: those of a kind replace those before."""
    wanted, unwanted = facets.wanted, facets.unwanted
    categories = tuple(dict.fromkeys(f.value for f in wanted if f.key is None))
    refused = {f.value for f in unwanted if f.key is None}
    kept = [name for name in filters.categories if name not in refused]
    alternatives = [name for name in filters.any_categories if name not in refused]
    if categories:
        many = facets.alternatives and len(categories) > 1
        kept = [*(kept if adds else ()), *(() if many else categories)]
        alternatives = [*(alternatives if adds else ()), *(categories if many else ())]
    without = [name for name in filters.without_categories if name not in categories]
    return replace(
        filters,
        categories=_unique(kept),
        any_categories=_unique(alternatives),
        without_categories=_unique((*without, *sorted(refused))),
        labels=_labels(filters.labels, wanted, unwanted, adds=adds),
        without_labels=_labels(filters.without_labels, unwanted, wanted, adds=True),
    )


def _labels(
    before: Mapping[str, Sequence[str]],
    added: Iterable[Facet],
    removed: Iterable[Facet],
    *,
    adds: bool,
) -> dict[str, list[str]]:
    """Return labels by key with some more and less; without `adds`, new ones replace a key's."""
    refused = {(facet.key, facet.value) for facet in removed}
    labels = {
        key: [value for value in values if (key, value) not in refused]
        for key, values in before.items()
    }
    fresh: dict[str, list[str]] = {}
    for facet in added:
        if facet.key is not None:
            fresh.setdefault(facet.key, []).append(facet.value)
    for key, values in fresh.items():
        labels[key] = list(dict.fromkeys([*(labels.get(key, []) if adds else []), *values]))
    return {key: values for key, values in labels.items() if values}


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
