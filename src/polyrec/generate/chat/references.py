"""Items that a message refers to: by their title, or by their number in the last list."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from polyrec.generate.chat.amounts import CUT

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
             "tenth")  # fmt: skip
_POSITION = (
    rf"(?:the\s+)?(?:(?P<ordinal>{'|'.join(_ORDINALS)}|last)(?:\s+(?:one|item|film|movie))?\b"
    r"|(?:(?:number|no\.?|nr\.?|item)\s*|#)(?P<number>\d{1,2})\b"
    r"|(?P<all>these|those|them)\b|(?P<this>this|that|it)(?:\s+one)?\b)"
)
_MARK = (
    r"(?P<unlike>\b(?:less like|unlike|not like|nothing like|not similar to|different from|not))"
    r"|(?P<like>\b(?:more like|similar to|something like|anything like|in the style of|like))"
)
_AT_POSITION = re.compile(rf"(?:{_MARK})\s+{_POSITION}")
_WITH_TITLE = re.compile(rf"(?:{_MARK})\s+(?P<title>\"[^\"]+\"|\S.*)")
_WHY = re.compile(r"^(?:but |and |so |ok,? )?(?:why|how come|explain)\b(?P<rest>.*)$")
_MAX_TITLE_WORDS, _MAX_MENTIONS = 10, 20

FindItem = Callable[[str], str | None]


@dataclass(frozen=True)
class Mentions:
    """The items to be like, and those to be unlike."""

    items: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()


def take_references(text: str, shown: Sequence[str], find_item: FindItem) -> tuple[str, Mentions]:
    """Return a folded message without its references to items, and these.

    `shown` is the last list, `find_item` returns the item with a title.
    """
    items: list[str] = []
    negative: list[str] = []
    at = 0
    for _ in range(_MAX_MENTIONS):
        match = _WITH_TITLE.search(text, at)
        if match is None:
            break
        positioned = _AT_POSITION.match(text, match.start())
        if positioned is not None and (listed := at_position(positioned, shown)):
            ids, end = listed, positioned.end()
        else:
            title, end = _known_title(match, text, find_item)
            ids = [] if title is None else [title]
        at = match.end("unlike") if match["unlike"] else match.end("like")
        if ids:
            (negative if match["unlike"] else items).extend(ids)
            text = text[: match.start()] + CUT + text[end:]
            at = match.start()
    return text, Mentions(tuple(dict.fromkeys(items)), tuple(dict.fromkeys(negative)))


def explained_item(text: str, shown: Sequence[str], find_item: FindItem) -> str | None:
    """Return the item that a message asks a reason for: "" for none that is known, None if none."""
    match = _WHY.match(text)
    if match is None:
        return None
    rest = match["rest"].strip(" ?!.")
    positioned = re.search(_POSITION, rest)
    if positioned is not None and (listed := at_position(positioned, shown)):
        return listed[0]
    words = rest.split()
    for start in range(len(words)):
        item = find_item(" ".join(words[start:]).strip('"'))
        if item is not None:
            return item
    return (
        "" if rest and not re.fullmatch(r"(?:\w+\s*){0,4}", rest) else (shown[0] if shown else "")
    )


def at_position(match: re.Match[str], shown: Sequence[str]) -> list[str]:
    """Return the items of the last list that a match names by number; none if it is too short."""
    if match["all"]:
        return list(shown)
    if match["ordinal"]:
        row = len(shown) - 1 if match["ordinal"] == "last" else _ORDINALS.index(match["ordinal"])
    else:
        row = int(match["number"]) - 1 if match["number"] else 0
    return [shown[row]] if 0 <= row < len(shown) else []


def _known_title(match: re.Match[str], text: str, find_item: FindItem) -> tuple[str | None, int]:
    """Return the item with the longest title that begins at a match, and where it ends."""
    if match["title"].startswith('"'):
        return find_item(match["title"].strip('"')), match.end()
    words = list(re.finditer(r"\S+", match["title"]))[:_MAX_TITLE_WORDS]
    offset = match.start("title")
    for word in reversed(words):
        title = text[offset : offset + word.end()].rstrip(",.;!?")
        item = find_item(title)
        if item is not None:
            return item, offset + len(title)
    return None, match.end()
