"""A profile: what a history has more often than the catalogue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

FacetName = tuple[str | None, str]  # key of a label, None for a category, and its value
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
