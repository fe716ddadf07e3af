"""Categories and labels in a message, wanted and unwanted, and the words that remain."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from polyrec.generate.chat.stop_words import LIST_ENDS, NEGATORS, STOP_WORDS
from polyrec.generate.chat.vocabulary import MAX_PHRASE, Facet, Vocabulary, Word, message_words

_NEGATIVE_PHRASES = (
    (r"\b(?:anything|everything|all) but\b", " without "),
    (r"\b(?:other than|rather than|instead of|free of|apart from|aside from)\b", " without "),
    (r"\b(\w+)[- ]free\b", r" without \1 | "),
    (r"\b(?:do not|don't|dont|doesn't|didn't|won't|can't|cannot) (?:want|like|show(?: me)?|need"
     r"|include|recommend|give(?: me)?|care for|have|contain|stand)\b", " without "),
    (r"\b(?:(?:tired|sick|bored) of|(?:seen|had|watched) enough(?: of)?)\b", " without "),
    (r"\b(?:no more|no longer)\b", " without "),
    (r"\b(?:not sure|no idea|why not|no problem|no matter|not only|not just)\b", " "),
    (r"\b(?:no|without) (?:preference|limit)s?\b", " "),
)  # fmt: skip


@dataclass
class FacetConditions:
    """Facets that a message wants, joined by "and" or "or", those it does not want, and words."""

    wanted: list[Facet] = field(default_factory=list)
    alternatives: bool = False  # whether the wanted ones are joined by "or"
    unwanted: list[Facet] = field(default_factory=list)
    unwanted_words: list[str] = field(default_factory=list)
    text: str = ""  # words to search for


def take_facets(text: str, vocabulary: Vocabulary) -> FacetConditions:
    """Return what a folded message, without its other conditions, wants and does not want."""
    for pattern, replacement in _NEGATIVE_PHRASES:
        text = re.sub(pattern, replacement, text)
    return _Reader(message_words(text), vocabulary).read(text)


class _Reader:
    """Reads words from left to right, in an unwanted list or outside."""

    def __init__(self, words: Sequence[Word], vocabulary: Vocabulary) -> None:
        self._words, self._vocabulary = words, vocabulary
        self._results = FacetConditions()
        self._negated = False
        self._kept: list[Word] = []
        self._unwanted: list[Word] = []

    def read(self, text: str) -> FacetConditions:
        at, last_wanted = 0, -1
        while at < len(self._words):
            facet, length = self._facet(at)
            if facet is not None:
                (self._results.unwanted if self._negated else self._results.wanted).append(facet)
                if not self._negated:
                    between = [word.text for word in self._words[last_wanted:at]]
                    self._results.alternatives |= last_wanted >= 0 and "or" in between
                    last_wanted = at
                at += length
                continue
            self._read_word(at)
            at += 1
        refused = self._results.unwanted
        self._results.wanted = [f for f in self._results.wanted if f not in refused]
        self._results.text = _joined(self._kept, text)
        self._results.unwanted_words = _joined(self._unwanted, text).split()
        return self._results

    def _read_word(self, at: int) -> None:
        word = self._words[at]
        if word.text in NEGATORS:
            self._negated = True
        elif word.text in LIST_ENDS or (word.text in (",", "and") and not self._continues(at)):
            self._negated = False
        elif not word.text[0].isalnum() or word.text in STOP_WORDS or word.stem in STOP_WORDS:
            return
        elif self._negated:
            self._unwanted.append(word)
        else:
            self._kept.append(word)

    def _continues(self, at: int) -> bool:
        """Return whether an unwanted list goes on behind a comma or "and"."""
        if not self._negated:
            return True
        facet, length = self._facet(at + 1)
        if facet is None:
            return False
        if self._words[at].text == "and":
            return True
        # a comma goes on only where the list ends in "or" and another facet: no a, b or c
        after = at + 1 + length
        if after >= len(self._words):
            return False
        if self._words[after].text in ("or", "nor", "and"):
            return self._facet(after + 1)[0] is not None
        return self._words[after].text == "," and self._continues(after)

    def _facet(self, at: int) -> tuple[Facet | None, int]:
        """Return the facet with the most words that begins here, and their number."""
        stems: list[str] = []
        best: tuple[Facet | None, int] = (None, 0)
        for length, word in enumerate(self._words[at:], start=1):
            if not word.text[0].isalnum():
                if word.text in "-&'/" and stems:
                    continue
                break
            stems.append(word.stem)
            if len(stems) > MAX_PHRASE:
                break
            facets = self._vocabulary.facets.get(tuple(stems), ())
            facets = tuple(facet for facet in facets if _is_name(facet, stems))
            if facets:
                best = self._choose(facets, at, length), length
        if best[0] is None and at < len(self._words):
            name = self._vocabulary.adjective(self._words[at].text)
            if name is not None:
                return self._vocabulary.facets[name,][0], 1
        return best

    def _choose(self, facets: Sequence[Facet], at: int, length: int) -> Facet:
        """Return the facet whose key stands beside it, else the first."""
        around = self._words[max(0, at - 3) : at] + self._words[at + length : at + length + 1]  # type: ignore[operator]
        stems = {word.stem for word in around}
        named = [f for f in facets if f.key and stems & set(re.split(r"[^a-z]+", f.key.lower()))]
        return (named or facets)[0]


def _is_name(facet: Facet, stems: Sequence[str]) -> bool:
    """Return whether words that people use for other things too may name a facet.

    A label must neither begin nor end with such a word: anybody who describes items could write
    "i want a comedy" as a label, which would then stand for the category.
    """
    common = [stem in STOP_WORDS or stem in NEGATORS for stem in stems]
    return not (all(common) if facet.key is None else common[0] or common[-1])


def _joined(words: Sequence[Word], text: str) -> str:
    """Return words as a text; those that had no space between them have none."""
    parts: list[str] = []
    for before, word in zip([None, *words], words, strict=False):
        gap = before is not None and text[before.end : word.start]
        parts.append("" if gap == "" else "-" if gap == "-" else " ")
        parts.append(word.text)
    return "".join(parts).strip()
