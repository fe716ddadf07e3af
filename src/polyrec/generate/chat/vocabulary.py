"""The categories, labels and numbers of a catalogue, by the words that people use for them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, Self

from polyrec.generate.chat.chinese import NAMES

MAX_PHRASE = 6  # words of a label; longer ones are texts
_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(
    rf"[{_CJK}]|\d+(?:[.,]\d+)*|(?:(?![{_CJK}])[^\W\d_])+(?:'(?:(?![{_CJK}])[^\W\d_])+)*|[^\w\s]"
)
_ACCENTS = re.compile("[\u0300-\u036f]")
_ADJECTIVE = re.compile(r"([a-z]{5,}?)(?:tic|ic|ical|al|ed|ous)")
_MAX_SUFFIX = 4  # letters of a noun beyond the stem of its adjective
_NO_ADJECTIVES = {"fantastic"}
_MEANINGS = (
    {"price", "cost", "costing", "priced", "amount", "budget", "价格", "售价"},
    {"rating", "rated", "star", "score", "评分"},
    {"duration", "runtime", "length", "minute", "min", "long", "时长", "片长"},
    {"year", "released", "release", "年份"},
)  # words for the same number
_SYNONYMS = (
    (("sci", "fi"), ("science", "fiction")),
    (("film", "noir"), ("noir",)),
    (("kid",), ("children",)),
    (("scary",), ("horror",)),
    (("animation",), ("cartoon",)),
)


class Word(NamedTuple):
    """A word of a folded text, its stem, and where it stands."""

    text: str
    stem: str
    start: int
    end: int


class Facet(NamedTuple):
    """A label under a key ("" is the key of plain tags), or a category, without a key."""

    key: str | None
    value: str
    items: int = 1  # that have it


def fold_message(text: str) -> str:
    """Return a text in lower case, without accents, with plain quotes and dashes.

    >>> fold_message("Kein  “Café” – bitte")
    'kein "cafe" - bitte'
    """
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = unicodedata.normalize("NFC", _ACCENTS.sub("", plain))
    plain = re.sub("[‘’`´]", "'", re.sub("[“”„«»]", '"', re.sub("[‐-―]", "-", plain)))
    return " ".join(plain.split())


def message_words(folded: str) -> list[Word]:
    """Return the words and signs of a folded text in order."""
    return [Word(m[0], word_stem(m[0]), *m.span()) for m in _WORD.finditer(folded)]


def word_stem(word: str) -> str:
    """Return a word without the ending of the plural.

    >>> [word_stem(word) for word in ("comedies", "glasses", "lamps", "bus", "children's")]
    ['comedy', 'glass', 'lamp', 'bus', 'children']
    """
    word = word.removesuffix("'s")
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and re.search("(?:s|x|ch|sh)es$", word):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word[-1] == "s" and word[-2] not in "su" else word


def phrase_stems(text: str) -> tuple[str, ...]:
    """Return the stems of a text's words, without signs."""
    words = message_words(fold_message(text))
    return tuple(word.stem for word in words if word.text[0].isalnum())


class Thirds(NamedTuple):
    """The ends of the lower and the middle third of values, and the beginning of the upper."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class Vocabulary:
    """What a message can name.

    >>> vocabulary = Vocabulary.of({"Comedy": 3}, {("colour", "red"): 2}, {"price": [1, 2, 9]})
    >>> vocabulary.facets["comedy",], vocabulary.number_key("costs")
    ((Facet(key=None, value='Comedy', items=3),), 'price')
    """

    facets: Mapping[tuple[str, ...], tuple[Facet, ...]] = field(default_factory=dict)
    numbers: Mapping[str, Thirds] = field(default_factory=dict)
    has_times: bool = False  # whether items have times

    @classmethod
    def of(
        cls,
        categories: Mapping[str, int],
        labels: Mapping[tuple[str, str], int],
        numbers: Mapping[str, Sequence[float]],
        *,
        has_times: bool = False,
    ) -> Self:
        """Return the vocabulary of counted categories and labels, and of numbers by key."""
        facets = [Facet(None, name, count) for name, count in categories.items()]
        facets += [Facet(key, value, count) for (key, value), count in labels.items()]
        by_phrase: dict[tuple[str, ...], list[Facet]] = {}
        for facet in facets:
            for stems in _phrases(facet.value[:200]):
                if 0 < len(stems) <= MAX_PHRASE and not all(stem.isdigit() for stem in stems):
                    by_phrase.setdefault(stems, []).append(facet)
        chinese = [(phrase_stems(name), phrase_stems(word)) for name, word in NAMES.items()]
        for first, second in (*_SYNONYMS, *chinese):
            for known, other in ((first, second), (second, first)):
                if known in by_phrase and other not in by_phrase:
                    by_phrase[other] = by_phrase[known]
        # a category before a label of the same name, then the most frequent
        ranked = {
            stems: tuple(sorted(group, key=lambda f: (f.key is not None, -f.items)))
            for stems, group in by_phrase.items()
        }
        thirds = {key: _thirds(values) for key, values in numbers.items() if len(values)}
        return cls(ranked, thirds, has_times)

    def number_key(self, word: str) -> str | None:
        """Return the key of the numbers that a word names, None if there are none."""
        stem = word_stem(word)
        names = next((group for group in _MEANINGS if stem in group), {stem})
        for key in self.numbers:
            if names & {word_stem(part) for part in re.split(r"[^a-z\u3400-\u9fff]+", key.lower())}:
                return key
        return None

    def condition_key(self, word: str) -> str | None:
        """Return the key of the numbers that a word names, "" if the catalogue has none of them.

        None is for a word that names no numbers.
        """
        known = any(word_stem(word) in group for group in _MEANINGS)
        return self.number_key(word) or ("" if known else None)

    def adjective(self, word: str) -> str | None:
        """Return the one-word name whose adjective a word is, None if there is none.

        >>> Vocabulary.of({"Romance": 1}, {}, {}).adjective("romantic")
        'romance'
        """
        match = None if word in _NO_ADJECTIVES else _ADJECTIVE.fullmatch(word)
        if match is None:
            return None
        stem = match[1]
        names = [
            phrase[0] for phrase in self.facets
            if len(phrase) == 1 and phrase[0].startswith(stem)
            and len(phrase[0]) <= len(stem) + _MAX_SUFFIX
        ]  # fmt: skip
        return names[0] if len(names) == 1 else None


@lru_cache(maxsize=32_768)
def _phrases(name: str) -> tuple[tuple[str, ...], ...]:
    """Return the phrases for a name: with "and", and with a sign in its place; cached.

    A catalogue has 10,000 names, which take a second to split, and changes with each new item.
    """
    phrases = [phrase_stems(name)]
    if "&" in name:
        phrases.append(phrase_stems(name.replace("&", " and ")))
    elif "and" in phrases[0]:
        phrases.append(tuple(stem for stem in phrases[0] if stem != "and"))
    return tuple(phrases)


def _thirds(values: Sequence[float]) -> Thirds:
    ordered, count = sorted(values), len(values)
    ends = ((count + 2) // 3 - 1, (2 * count + 2) // 3 - 1, min(2 * count // 3, count - 1))
    return Thirds(*(ordered[end] for end in ends))
