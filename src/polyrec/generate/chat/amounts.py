"""Conditions on numbers in a message: under 20 euros, rated at least 4, cheaper."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from polyrec.generate.chat.vocabulary import Vocabulary

CUT = " | "  # stands where a condition was: an unwanted list ends there
NOT = (
    r"(?:\b(?:not|nothing|none|no|never|isn't|aren't)"
    r"|\b(?:do not|don't|dont) (?:want|like|need|show(?: me)?|give me) (?:anything|any|items))"
)
_NOT_BEFORE = re.compile(rf"{NOT}\s+(?:(?:that|which|is|are|with|from|an?|costs?|be)\s+)*$")
NUMBER = (
    r"(?<!\d)(?:\d{1,3}(?:,\d{3}){1,4}(?!\d)|\d{1,12}(?!\d))"
    r"(?:\.\d{1,6}|,\d{1,2}(?!\d))?"
)
_SIGN = r"(?:[$€£¥]|\b(?:usd|eur|gbp|rmb|dollars?|euros?|bucks?|pounds?|yuan|yen)\b)"


def _amount(name: str) -> str:
    return rf"(?P<{name}>{_SIGN}?\s*{NUMBER}(?:[\s-]*{_SIGN})?)"


_UPPER = (
    r"under|below|less than|fewer than|lower than|cheaper than|less expensive than|at most|up to"
    r"|shorter than|smaller than|within|max(?:imum)?(?: of)?|<=?|≤"
    r"|(?:my )?budget(?: is| of)?:?"
)
_LOWER = (
    r"over|above|more than|at least|higher than|longer than|bigger than|larger than|better than"
    r"|more expensive than|greater than|exceed(?:s|ing)?|starting at|min(?:imum)?(?: of)?|>=?|≥"
)
_PREFIX = re.compile(
    rf"(?:(?:costing|priced|rated|that costs?)\s+)?"
    rf"(?:(?<!\w)(?:(?P<upper>{_UPPER})|(?P<lower>{_LOWER})))\s*{_amount('amount')}"
)
_SUFFIX = re.compile(
    rf"{_amount('amount')}\s*(?P<unit>[a-z]+\s+)??"
    rf"(?:(?P<upper>or (?:less|below|under|fewer|cheaper)|max(?:imum)?\b|at most|tops\b)"
    rf"|(?P<lower>or (?:more|above|over|higher|better)|and (?:up|above)|min(?:imum)?\b|at least"
    rf"|\+|以上))"
)
_BETWEEN = re.compile(
    rf"(?:\b(?:between|from)\s+{_amount('low')}\s+(?:and|to|-)\s+{_amount('high')})"
)
_SPAN = re.compile(rf"{_amount('low')}\s*(?:-|\bto\b)\s*{_amount('high')}")
_ABOUT = re.compile(rf"\b(?:around|about|roughly|approximately|circa)\s+{_amount('amount')}")
_BARE = re.compile(rf"(?:\bfor\s+)?{_amount('amount')}")
_NEXT = re.compile(rf"[\s,]*(?:and|but|to)?[a-z ]{{0,20}}{NUMBER}\s*-?(?P<unit>[a-z]+)")
_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_HEAD = re.compile(r"(?:\b(?:with|and|an?|the|its|whose)\s+)*\b(?P<head>[a-z]+)"
                   r"(?:\s+(?:is|are|of|that is|between|from))?:?\s*$")  # fmt: skip
_UNIT = re.compile(r"\s*-?(?P<unit>[a-z]+)")
_CHEAPER = (
    (r"cheaper|less expensive|more affordable|lower price[ds]?", "price", -1),
    (r"more expensive|pricier|higher price[ds]?", "price", 1),
    (r"newer|more recent", "year", 1),
    (r"older", "year", -1),
    (r"better rated|higher rated|better reviewed", "rating", 1),
    (r"shorter", "duration", -1),
    (r"longer", "duration", 1),
)
_LOW_PRICE = re.compile(r"\b(?:cheap(?:est)?|inexpensive|affordable|low[- ]budget)\b")
_NOT_EXPENSIVE = re.compile(
    r"\b(?:not|nothing|isn't|never)\s+(?:too\s+|so\s+|very\s+)?(?:expensive|pricey)\b"
)
_EXPENSIVE = re.compile(r"\b(?:expensive|pricey)\b")


@dataclass
class NumberConditions:
    """Conditions on numbers, and those that the catalogue has no numbers for."""

    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    compared: list[tuple[str, int]] = field(default_factory=list)  # key, 1 for more or -1 for less
    unknown: list[str] = field(default_factory=list)

    def add(self, key: str, low: float, high: float) -> None:
        """Narrow the range of a key; a contradiction replaces it."""
        old = self.ranges.get(key, (-math.inf, math.inf))
        narrow = max(low, old[0]), min(high, old[1])
        self.ranges[key] = narrow if narrow[0] <= narrow[1] else (low, high)


def take_numbers(text: str, vocabulary: Vocabulary) -> tuple[str, NumberConditions]:
    """Return a folded message without its conditions on numbers, and these."""
    conditions = NumberConditions()
    text = _in_digits(text)
    for pattern in (_BETWEEN, _PREFIX, _SUFFIX, _ABOUT, _SPAN, _BARE):
        text = _take(pattern, text, vocabulary, conditions)
    text = _take_comparisons(text, vocabulary, conditions)
    return _take_levels(text, vocabulary, conditions), conditions


def _in_digits(text: str) -> str:
    """Return a text with counted units in digits, and hours in minutes.

    >>> _in_digits("at least four stars, under 1.5 hours"), _in_digits("two brothers")
    ('at least 4 stars, under 90 minutes', 'two brothers')
    """
    for number, word in enumerate(_NUMBERS, start=1):
        text = re.sub(rf"\b{word}(?= (?:stars?|hours?|minutes?|euros?|dollars?|pages?)\b)",
                      str(number), text)  # fmt: skip
    return re.sub(
        r"\b(?:(\d+(?:\.\d+)?)|an) hours?\b",
        lambda match: f"{60 * float(match[1] or 1):g} minutes",
        text,
    )


def parse_number(text: str) -> float:
    """Return the first number in a text.

    >>> parse_number("$1,200"), parse_number("12,50 euros"), parse_number("4.5")
    (1200.0, 12.5, 4.5)
    """
    match = re.search(NUMBER, text)
    digits = match[0] if match else "0"
    if re.search(r"\d,\d{1,2}$", digits):
        return float(digits.replace(",", "."))
    return float(digits.replace(",", ""))


def _take(
    pattern: re.Pattern[str], text: str, vocabulary: Vocabulary, conditions: NumberConditions
) -> str:
    at = 0
    while (match := pattern.search(text, at)) is not None:
        start, end, key = _condition(match, text, vocabulary)
        if key is None:
            key = _key_nearby(text, start, end, vocabulary, conditions)
        if key is None and pattern in (_PREFIX, _SUFFIX, _BETWEEN):
            key = vocabulary.condition_key("price")
        if key is None:
            at = match.start() + 1 if pattern is not _BARE else match.end()
            continue
        negation = _NOT_BEFORE.search(text[:start])
        start = negation.start() if negation else start
        if key:
            is_rating = key == vocabulary.number_key("rating")
            low, high = _bounds(pattern, match, is_rating=is_rating)
            conditions.add(key, *(_opposite(low, high) if negation else (low, high)))
        else:
            conditions.unknown.append(text[start:end].strip())
        text = text[:start] + CUT + text[end:]
        at = start
    return text


def _condition(
    match: re.Match[str], text: str, vocabulary: Vocabulary
) -> tuple[int, int, str | None]:
    """Return where a condition begins and ends, and the key that its words name.

    The key is "" where the catalogue has none, and None where no word names one.
    """
    start, end = match.span()
    head = _HEAD.search(text[:start])
    named = vocabulary.condition_key(head["head"]) if head else None
    start = head.start() if head and named is not None else start
    if re.search(_SIGN, match[0]):
        return start, end, vocabulary.condition_key("price")
    inner = match.groupdict().get("unit")
    if inner and (key := vocabulary.condition_key(inner.strip())) is not None:
        return start, end, key
    unit = _UNIT.match(text, end)
    if unit and (key := vocabulary.condition_key(unit["unit"])) is not None:
        return start, unit.end(), key
    word = re.search(r"\b(?:rated|priced|costing|costs?|budget|cheaper|expensive)\b", match[0])
    if named is None and word:
        return start, end, vocabulary.condition_key("rating" if word[0] == "rated" else "price")
    return start, end, named


def _key_nearby(
    text: str, start: int, end: int, vocabulary: Vocabulary, conditions: NumberConditions
) -> str | None:
    """Return the key of the condition just before, or of the unit just behind the next number."""
    if conditions.ranges and re.search(r"\|[\s,]*(?:and|but)?\s*$", text[:start]):
        return list(conditions.ranges)[-1]
    match = _NEXT.match(text, end)
    return vocabulary.number_key(match["unit"]) if match else None


def _opposite(low: float, high: float) -> tuple[float, float]:
    """Return what an unwanted range leaves; a range with two ends stays, since it leaves two."""
    if math.isinf(low):
        return high, math.inf
    return (-math.inf, low) if math.isinf(high) else (low, high)


def _bounds(
    pattern: re.Pattern[str], match: re.Match[str], *, is_rating: bool
) -> tuple[float, float]:
    """Return the range that a condition allows: a rating alone is the least, a price the most."""
    groups = match.groupdict()
    if "low" in groups:
        low, high = sorted((parse_number(match["low"]), parse_number(match["high"])))
        return low, high
    value = parse_number(match["amount"])
    if pattern is _ABOUT:
        return 0.8 * value, 1.2 * value
    if pattern is _BARE and not re.search(_SIGN, match[0]):
        return value, math.inf if is_rating else value
    return (value, math.inf) if groups.get("lower") else (-math.inf, value)


def _take_comparisons(text: str, vocabulary: Vocabulary, conditions: NumberConditions) -> str:
    for words, name, direction in _CHEAPER:
        match = re.search(rf"\b(?:{words})\b(?! than)", text)
        if match is None:
            continue
        key = vocabulary.number_key(name)
        if key is None and name == "year" and vocabulary.has_times:
            key = ""  # the times of items
        if key is None:
            conditions.unknown.append(match[0])
        else:
            conditions.compared.append((key, direction))
        text = text[: match.start()] + CUT + text[match.end() :]
    return text


def _take_levels(text: str, vocabulary: Vocabulary, conditions: NumberConditions) -> str:
    """Take cheap and expensive: the lower and upper third of prices."""
    key = vocabulary.number_key("price")
    for pattern in (_LOW_PRICE, _NOT_EXPENSIVE, _EXPENSIVE):
        match = pattern.search(text)
        if match is None:
            continue
        if key is None:
            conditions.unknown.append(match[0])
        else:
            thirds = vocabulary.numbers[key]
            if pattern is _EXPENSIVE:
                conditions.add(key, thirds.high, math.inf)
            else:
                most = thirds.low if pattern is _LOW_PRICE else thirds.middle
                conditions.add(key, -math.inf, most)
        text = text[: match.start()] + CUT + text[match.end() :]
    return text
