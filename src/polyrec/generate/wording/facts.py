"""What a reason may state: the items of the history that count most, and the shares of sources."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from polyrec.explanation import Explanation

_MAX_ITEMS = 3
_MIN_SHARE = 0.005
_MAX_TITLE = 80  # characters
_INVISIBLE = ("C", "Zl", "Zp")  # controls, direction marks, private use, unassigned; line ends
_HIDDEN_MARKS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))  # variation selectors
_QUOTES = str.maketrans(dict.fromkeys('“”„‟"＂', "'"))


@dataclass(frozen=True)
class TopContributions:
    """The positive contributions to a score."""

    items: tuple[int, ...]  # of the history, the largest contribution first
    shares: tuple[tuple[str, float], ...]  # source -> share of the positive contributions
    exact: bool


@dataclass(frozen=True)
class ReasonFacts:
    """What a reason may state."""

    titles: tuple[str, ...]  # of items of the history, the largest contribution first
    percents: tuple[tuple[str, int], ...]  # source -> percent of the positive contributions
    exact: bool


def top_contributions(explanation: Explanation) -> TopContributions:
    """Return the items with the largest contributions, and the shares of sources above 0.5%.

    >>> top_contributions(Explanation(7, 2.0, {(1, "text"): 3.0, (2, "text"): -1.0}, 0.0, True))
    TopContributions(items=(1,), shares=(('text', 1.0),), exact=True)
    """
    items = [item for item, parts in explanation.by_item() if sum(parts.values()) > 0]
    # negative contributions are no reason to recommend
    sources: dict[str, float] = {}
    for (_, source), part in explanation.parts.items():
        sources[source] = sources.get(source, 0.0) + max(0.0, part)
    total = sum(sources.values())
    shares = sorted(sources.items(), key=lambda pair: -pair[1])
    return TopContributions(
        tuple(items[:_MAX_ITEMS]),
        tuple((name, part / total) for name, part in shares if part > _MIN_SHARE * total),
        explanation.exact,
    )


def reason_facts(explanation: Explanation, title: Callable[[int], str]) -> ReasonFacts | None:
    """Return what a reason may state; None if no item of the history speaks for the item."""
    top = top_contributions(explanation)
    return facts_with_titles(top, [title(item) for item in top.items])


def facts_with_titles(top: TopContributions, titles: Sequence[str]) -> ReasonFacts | None:
    """Return what a reason may state, with the titles of the items; None without items."""
    if not top.items:
        return None
    percents = tuple((name, round(100 * share)) for name, share in top.shares if top.exact)
    return ReasonFacts(tuple(map(clean_title, titles)), percents, top.exact)


def clean_title(text: str) -> str:
    """Return a title that can stand in quotes: visible characters of one line, 80 at most.

    >>> clean_title('The "sea"' + chr(0x202E) + chr(10) + 'at night')
    "The 'sea' at night"
    """
    return visible_text(text.translate(_QUOTES), _MAX_TITLE) or "…"


def visible_text(text: str, limit: int) -> str:
    """Return the visible characters of a text on one line, `limit` at most."""
    spaced = " ".join(text[: 20 * limit].split())
    visible = "".join(c for c in spaced if _is_visible(c)).strip()
    return visible if len(visible) <= limit else visible[: limit - 1].rstrip() + "…"


def _is_visible(character: str) -> bool:
    if character.isascii():
        return character.isprintable()
    if any(ord(character) in marks for marks in _HIDDEN_MARKS):
        return False
    return not unicodedata.category(character).startswith(_INVISIBLE)
