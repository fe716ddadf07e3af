"""The wording of replies: what a list was made by, why an item is in it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from polyrec.generate.chat.profile import taste_text
from polyrec.generate.chat.vocabulary import Vocabulary
from polyrec.index.tastes import Taste

if TYPE_CHECKING:
    from polyrec.generate.chat.conversation import ChatState

UNKNOWN_ITEM = "I don't know which item you mean: name its title, or its number in the list."
NOT_KEPT = "I can't keep that: it needs a user, and a service whose records I may change."
UNDONE, NOTHING_TO_UNDO = "That is undone.", "There is nothing to undo."
_EXAMPLES = 5  # categories that the help names
_DISTANT = 10**15 * 5  # microseconds since 1970, in either direction: an open end


def help_text(vocabulary: Vocabulary) -> str:
    """Return what can be said, with names of the catalogue."""
    facets = sorted((group[0] for group in vocabulary.facets.values()), key=lambda f: -f.items)
    names = ", ".join(dict.fromkeys(facet.value for facet in facets[:_EXAMPLES]))
    numbers = ", ".join(vocabulary.numbers)
    lines = ["Describe what you look for, or say what it must be like and what it must not be."]
    if names:
        lines.append(f"For example: {names}.")
    if numbers:
        lines.append(f"Numbers I can compare: {numbers}.")
    return " ".join([*lines, "Say 'more', 'why the first', 'any price' or 'start over'."])


def list_text(
    state: ChatState, count: int, *, names: Mapping[str, str], unknown: Sequence[str]
) -> str:
    """Return what a list was made by, and what was left out of account."""
    conditions = "; ".join(describe_state(state, names))
    if count:
        noun = "item" if count == 1 else "items"
        text = f"{count} {noun} for: {conditions}." if conditions else f"{count} {noun} for you."
    elif state.offset:
        text = "There are no more."
    else:
        text = f"Nothing suits all of this: {conditions}." if conditions else "Nothing is left."
        text += " Take something back ('any price', 'any category') or say 'start over'."
    if unknown:
        text += f" The catalogue can't be filtered by: {', '.join(unknown)}."
    return text


def kept_text(tastes: Sequence[Taste]) -> str:
    """Return what was kept of a person's taste."""
    return f"Noted: {'; '.join(map(taste_text, tastes))}. Say 'undo' to take that back."


def describe_state(state: ChatState, names: Mapping[str, str]) -> Iterator[str]:
    """Yield the conditions of a state in words; `names` are the titles of its items."""
    filters = state.filters
    if state.text:
        yield f"'{state.text}'"
    yield from (f"like {names[item]}" for item in state.items)
    yield from (f"less like {names[item]}" for item in state.negative)
    yield from filters.categories
    if filters.any_categories:
        yield " or ".join(filters.any_categories)
    for key, values in filters.labels.items():
        yield f"{key} {' or '.join(values)}".strip()
    for key, (low, high) in filters.ranges.items():
        yield f"{key} {_range(low, high)}"
    if filters.times is not None:
        yield _times(*filters.times)
    refused = [*filters.without_categories, *state.unwanted_words]
    refused += [f"{key} {value}".strip() for key, values in filters.without_labels.items()
                for value in values]  # fmt: skip
    yield from (f"not {name}" for name in refused)


def reason_text(title: str, because: Sequence[str], conditions: Sequence[str]) -> str:
    """Return why an item is listed: items of the history, and what it was searched by."""
    parts = []
    if because:
        parts.append(f"your history has {_list(because)}")
    if conditions:
        parts.append(f"you look for {_list(conditions)}")
    if not parts:
        return f"{title}: nothing in your history leads to it; it is popular or new."
    return f"{title}: {', and '.join(parts)}."


def _list(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _range(low: float, high: float) -> str:
    if low == high:
        return f"{low:.6g}"
    if math.isinf(low):
        return f"at most {high:.6g}"
    return f"at least {low:.6g}" if math.isinf(high) else f"{low:.6g} to {high:.6g}"


def _times(low: int, high: int) -> str:
    if low <= -_DISTANT:
        return f"until {_day(high)}"
    return f"since {_day(low)}" if high >= _DISTANT else f"from {_day(low)} to {_day(high)}"


def _day(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1e6, UTC).date().isoformat()
