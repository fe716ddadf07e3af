"""A profile in words: what a history has more often than the catalogue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from polyrec.index.tastes import Attitude, Taste

FacetName = tuple[str | None, str]  # key of a label, None for a category, and its value
_ATTITUDES: dict[Attitude, str] = {
    "like": "you like {}",
    "dislike": "you don't like {}",
    "ignore": "{} in your history does not count",
    "none": "nothing about {}",
}
_MAX_TRAITS, _LATEST = 5, 3
_LEAST_ITEMS, _LEAST_LIFT = 2, 1.25


class Trait(NamedTuple):
    """A category or label that a history has more often than the catalogue."""

    key: str | None
    value: str
    items: int  # of the history


class TasteProfile(NamedTuple):
    """The size of a history, its traits, the strongest first, and its latest items."""

    items: int
    traits: tuple[Trait, ...]
    latest: tuple[str, ...]  # ids, latest first


def taste_profile(
    history: Sequence[str],
    facets: Sequence[Sequence[FacetName]],
    counts: Counter[FacetName],
    catalog_size: int,
) -> TasteProfile:
    """Return the profile of a history, oldest first.

    `facets` are those of each of its items, `counts` those of all items of the catalogue. A trait
    ranks by how many items of the history it has beyond those expected by chance.
    """
    own = Counter(facet for of_item in facets for facet in of_item)
    excess = {}
    for facet, count in own.items():
        chance = len(history) * counts[facet] / max(1, catalog_size)
        if count >= _LEAST_ITEMS and count >= _LEAST_LIFT * chance:
            excess[facet] = count - chance
    ranked = sorted(excess, key=lambda facet: (-excess[facet], str(facet)))
    traits = tuple(Trait(*facet, own[facet]) for facet in ranked[:_MAX_TRAITS])
    return TasteProfile(len(history), traits, tuple(reversed(history[-_LATEST:])))


def profile_text(profile: TasteProfile, latest: Sequence[str], tastes: Sequence[Taste] = ()) -> str:
    """Return a profile in words; `latest` are the titles of its latest items, as in `tastes`."""
    stated = f" You stated: {'; '.join(map(taste_text, tastes))}." if tastes else ""
    if not profile.items:
        if stated:
            return f"Your history is empty.{stated}"
        return "Your history is empty, so I know nothing of your taste: lists are what is popular."
    noun = "item" if profile.items == 1 else "items"
    lines = [f"Your history has {profile.items} {noun}, lately {', '.join(latest)}."]
    if profile.traits:
        names = [f"{' '.join(filter(None, (t.key, t.value)))} ({t.items})" for t in profile.traits]
        lines.append(f"More often than the catalogue it has: {', '.join(names)}.")
    else:
        lines.append("No category or label stands out in it.")
    mend = "If that is wrong, say 'forget that I like ...' or 'I don't like ... any more'."
    return " ".join(lines) + f"{stated} {mend}"


def taste_text(taste: Taste) -> str:
    """Return a taste in words.

    >>> taste_text(Taste("dislike", "label", "red", "colour"))
    "you don't like colour red"
    """
    name = f"'{taste.value}'" if taste.subject == "words" else f"{taste.key} {taste.value}".strip()
    return _ATTITUDES[taste.attitude].format(name)
