"""What a person stated about their taste, as a list of edits: the last about a subject counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

from polyrec.errors import DataError

Attitude = Literal["like", "dislike", "ignore", "none"]
Subject = Literal["category", "label", "item", "words"]
SUBJECTS: tuple[Subject, ...] = get_args(Subject)
_MAX_EDITS = 200


class Taste(NamedTuple):
    """An attitude towards a category, a label, an item, or items with some words.

    like      such items rank higher; a liked item counts like an event
    dislike   such items are in no list, and those in the history do not count
    ignore    those in the history do not count
    none      what was stated before is taken back
    """

    attitude: Attitude
    subject: Subject
    value: str
    key: str = ""  # of a label; "" is the key of plain tags


TasteEdits = tuple[Taste, ...]


def current_tastes(edits: TasteEdits) -> TasteEdits:
    """Return what counts, in the order in which it was stated.

    >>> edits = Taste("like", "category", "jazz"), Taste("dislike", "item", "i1")
    >>> current_tastes((*edits, edits[0]._replace(attitude="none")))
    (Taste(attitude='dislike', subject='item', value='i1', key=''),)
    """
    latest: dict[tuple[str, ...], Taste] = {}
    for taste in edits:
        latest.pop(taste[1:], None)
        latest[taste[1:]] = taste
    return tuple(taste for taste in latest.values() if taste.attitude != "none")


def with_edits(edits: TasteEdits, more: Iterable[Taste]) -> TasteEdits:
    """Return edits with some more, less those that change nothing.

    If they are too many, those that were replaced go: they can't be undone any more.
    """
    stated = {taste[1:]: taste.attitude for taste in current_tastes(edits)}
    edits = (*edits, *(t for t in more if t.attitude != stated.get(t[1:], "none")))
    if len(edits) > _MAX_EDITS:
        edits = current_tastes(edits)
    if len(edits) > _MAX_EDITS:
        raise DataError(
            "too many tastes", received=len(edits), remedy=f"keep at most {_MAX_EDITS:,} per user"
        )
    return edits


def without_last(edits: TasteEdits) -> TasteEdits:
    """Return edits without the last one."""
    return edits[:-1]
