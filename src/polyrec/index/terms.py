"""Split text into search terms: words, and pairs of characters where scripts have no spaces."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

# Han, kana, Hangul, Thai, Lao, Burmese, Khmer: words are not separated, or not only by spaces
_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
    r"\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
# marks inside the words of Hebrew, Arabic and the scripts of India; re counts them as no letters
_MARKS = r"\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0963\u0966-\u0dff"
_TERM = re.compile(
    rf"(?P<run>[{_UNSPACED}]+)|(?P<word>(?:(?![{_UNSPACED}])(?:[^\W_]|[{_MARKS}]))+)(?:['’]s\b)?"
)
_ASCII = re.compile(r"([a-z0-9]+)(?:'s\b)?")
_ACCENTS = re.compile("[\u0300-\u036f]")


def search_terms(text: str) -> list[str]:
    """Return the terms of a text in order: folded words without accents and possessives.

    Runs of an unspaced script become pairs of neighbouring characters, a lone character stays.

    >>> search_terms("The Café's lamps, 红色台灯")
    ['the', 'cafe', 'lamps', '红色', '色台', '台灯']
    """
    if text.isascii():
        return _ASCII.findall(text.lower())
    terms: list[str] = []
    for match in _TERM.finditer(_fold(text)):
        run = match["run"] or ""
        if len(run) > 1:
            terms += [first + second for first, second in pairwise(run)]
        else:
            terms.append(run or match["word"])
    return terms


def _fold(text: str) -> str:
    """Return text in lower case, compatibility forms unified, accents of Latin letters removed."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", _ACCENTS.sub("", decomposed))
