"""What a message states about a person's taste for good: it is kept, not only looked for."""

from __future__ import annotations

import re

from polyrec.generate.chat.facets import take_facets
from polyrec.generate.chat.references import FindItem
from polyrec.generate.chat.vocabulary import Vocabulary
from polyrec.index.tastes import Attitude, Taste

_LEAD = r"(?:(?:please|ok|okay|well|actually|but|and|so|no),? )*"
_LIKE = r"(?:really |also |do )*(?:like|love|enjoy|prefer|want|listen to|watch|read|play)"
_DISLIKE = (
    r"(?:(?:really |just )?(?:don't|dont|do not|no longer|never)(?: really| ever)?"
    rf" (?:{_LIKE}|care for|need|want to see)|hate|dislike|can't stand)"
)
_REMEMBER = r"(?:remember|note|keep in mind|from now on|in general|generally)(?: that)?[,:]? "
_X = r"(?P<subject>.+?)"
_FORMS: tuple[tuple[str, Attitude], ...] = (
    (rf"(?:forget|ignore|it's not true|it is not true)(?: that)? i {_DISLIKE} {_X}", "none"),
    (rf"(?:forget|ignore|it's not true|it is not true)(?: that)? i (?:{_LIKE}d?) {_X}", "ignore"),
    (rf"(?:remove|delete|drop|take) {_X} (?:from|out of) my (?:tastes?|profile|likes)", "ignore"),
    (rf"{_REMEMBER}i {_DISLIKE} {_X}(?: (?:any ?more|any longer|at all))?", "dislike"),
    (rf"i {_DISLIKE} {_X} (?:any ?more|any longer|ever again)", "dislike"),
    (rf"i no longer {_LIKE} {_X}", "dislike"),
    (rf"never (?:show|recommend|suggest)(?: me)? {_X}(?: (?:again|any ?more))?", "dislike"),
    (rf"add {_X} to my (?:dislikes)", "dislike"),
    (rf"{_REMEMBER}i {_LIKE} {_X}", "like"),
    (rf"i {_LIKE} {_X} (?:again|after all|in general)", "like"),
    (rf"add {_X} to my (?:tastes?|profile|likes)", "like"),
)  # the first that fits counts
_STATEMENTS = [(re.compile(rf"{_LEAD}{form}[\s.!]*"), attitude) for form, attitude in _FORMS]
_UNDO = re.compile(
    rf"{_LEAD}(?:undo|take (?:that|it) back)(?: (?:that|it|the last(?: \w+)?))?[\s.!]*"
)
_FILLERS = re.compile(
    r"^(?:any|anything|things?|items|the|all|more|to see)\s+(?:with |about |by )?"
)


def is_undo(text: str) -> bool:
    """Return whether a folded message takes the last statement back."""
    return _UNDO.fullmatch(text) is not None


def stated_tastes(text: str, vocabulary: Vocabulary, find_item: FindItem) -> tuple[Taste, ...]:
    """Return what a folded message states for good; none if it only looks for something.

    >>> jazz = Vocabulary.of({"Jazz": 2}, {}, {})
    >>> stated_tastes("i don't like jazz any more", jazz, lambda title: None)
    (Taste(attitude='dislike', subject='category', value='Jazz', key=''),)
    >>> stated_tastes("i don't like jazz", jazz, lambda title: None)
    ()
    """
    for pattern, attitude in _STATEMENTS:
        match = pattern.fullmatch(text)
        if match is not None:
            return _tastes(match["subject"].strip(' "'), attitude, vocabulary, find_item)
    return ()


def _tastes(
    subject: str, attitude: Attitude, vocabulary: Vocabulary, find_item: FindItem
) -> tuple[Taste, ...]:
    """Return the tastes for an item, else for categories and labels, else for words."""
    item = find_item(subject)
    if item is not None:
        return (Taste(attitude, "item", item),)
    conditions = take_facets(_FILLERS.sub("", subject), vocabulary)
    facets = [*conditions.wanted, *conditions.unwanted]
    if not facets:
        return (Taste(attitude, "words", conditions.text[:200]),) if conditions.text else ()
    return tuple(
        Taste(attitude, "category", facet.value)
        if facet.key is None
        else Taste(attitude, "label", facet.value, facet.key)
        for facet in facets
    )
