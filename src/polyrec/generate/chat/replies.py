"""Replies: what a list was made by, why an item is in it, what is known of a person's taste."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from polyrec.generate.chat.profile import TasteProfile
from polyrec.generate.chat.vocabulary import Vocabulary
from polyrec.generate.chat.wordings import ReplyWording
from polyrec.index.tastes import Taste

if TYPE_CHECKING:
    from polyrec.generate.chat.conversation import ChatState

_EXAMPLES = 5  # categories that the help names
_DISTANT = 10**15 * 5  # microseconds since 1970, in either direction: an open end


def help_text(vocabulary: Vocabulary, wording: ReplyWording) -> str:
    """Return what can be said, with names of the catalogue."""
    facets = sorted((group[0] for group in vocabulary.facets.values()), key=lambda f: -f.items)
    names = wording.comma.join(dict.fromkeys(facet.value for facet in facets[:_EXAMPLES]))
    numbers = wording.comma.join(vocabulary.numbers)
    text = wording.help
    text += wording.examples.format(names) if names else ""
    text += wording.numbers.format(numbers) if numbers else ""
    return text + wording.commands


def list_text(
    state: ChatState,
    count: int,
    wording: ReplyWording,
    *,
    names: Mapping[str, str],
    unknown: Sequence[str],
) -> str:
    """Return what a list was made by, and what was left out of account."""
    conditions = wording.separator.join(describe_state(state, names, wording))
    if count:
        items = _counted(wording.count, count)
        text = wording.for_conditions.format(items, conditions) if conditions else ""
        text = text or wording.for_you.format(items)
    elif state.offset:
        text = wording.no_more
    else:
        text = wording.nothing_suits.format(conditions) if conditions else wording.nothing_left
        text += wording.take_back
    return text + (wording.unknown.format(wording.comma.join(unknown)) if unknown else "")


def describe_state(
    state: ChatState, names: Mapping[str, str], wording: ReplyWording
) -> Iterator[str]:
    """Yield the conditions of a state in words; `names` are the titles of its items."""
    filters, either = state.filters, wording.either
    if state.text:
        yield f"'{state.text}'"
    yield from (wording.like.format(names[item]) for item in state.items)
    yield from (wording.unlike.format(names[item]) for item in state.negative)
    yield from filters.categories
    if filters.any_categories:
        yield either.join(filters.any_categories)
    for key, values in filters.labels.items():
        yield f"{key} {either.join(values)}".strip()
    for key, (low, high) in filters.ranges.items():
        yield f"{key} {_range(low, high, wording)}"
    if filters.times is not None:
        yield _times(*filters.times, wording)
    refused = [*filters.without_categories, *state.unwanted_words]
    refused += [f"{key} {value}".strip() for key, values in filters.without_labels.items()
                for value in values]  # fmt: skip
    yield from (wording.unwanted.format(name) for name in refused)


def reason_text(
    title: str, because: Sequence[str], conditions: Sequence[str], wording: ReplyWording
) -> str:
    """Return why an item is listed: items of the history, and what it was searched by."""
    parts = []
    if because:
        parts.append(wording.history_has.format(_list(because, wording)))
    if conditions:
        parts.append(wording.you_look_for.format(_list(conditions, wording)))
    if not parts:
        return wording.no_reason.format(title)
    return wording.reason.format(title, wording.joint.join(parts))


def profile_text(
    profile: TasteProfile, latest: Sequence[str], tastes: Sequence[Taste], wording: ReplyWording
) -> str:
    """Return a profile in words; `latest` are the titles of its latest items, as in `tastes`."""
    stated = wording.stated.format(_tastes(tastes, wording)) if tastes else ""
    if not profile.items:
        return wording.empty_history + stated if stated else wording.knows_nothing
    lines = _counted(wording.history, profile.items, wording.comma.join(latest))
    names = [f"{' '.join(filter(None, (t.key, t.value)))} ({t.items})" for t in profile.traits]
    traits = wording.traits.format(wording.comma.join(names)) if names else wording.no_traits
    return lines + traits + stated + wording.mend


def kept_text(tastes: Sequence[Taste], wording: ReplyWording) -> str:
    """Return what was kept of a person's taste."""
    return wording.kept.format(_tastes(tastes, wording))


def _tastes(tastes: Sequence[Taste], wording: ReplyWording) -> str:
    return wording.separator.join(
        wording.attitudes[taste.attitude].format(
            f"'{taste.value}'" if taste.subject == "words" else f"{taste.key} {taste.value}".strip()
        )
        for taste in tastes
    )


def _counted(forms: tuple[str, str], count: int, *values: str) -> str:
    return forms[count != 1].format(count, *values)


def _list(names: Sequence[str], wording: ReplyWording) -> str:
    return wording.last.join(filter(None, (wording.comma.join(names[:-1]), names[-1])))


def _range(low: float, high: float, wording: ReplyWording) -> str:
    if low == high:
        return f"{low:.6g}"
    if math.isinf(low):
        return wording.at_most.format(f"{high:.6g}")
    if math.isinf(high):
        return wording.at_least.format(f"{low:.6g}")
    return wording.between.format(f"{low:.6g}", f"{high:.6g}")


def _times(low: int, high: int, wording: ReplyWording) -> str:
    if low <= -_DISTANT:
        return wording.until.format(_day(high))
    if high >= _DISTANT:
        return wording.since.format(_day(low))
    return wording.from_to.format(_day(low), _day(high))


def _day(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1e6, UTC).date().isoformat()
