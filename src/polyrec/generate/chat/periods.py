"""Conditions on times in a message: from the 1990s, not before 2010, added last week.

Years are compared with a number of the items (`year`) where the catalogue has one, else with their
times.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from polyrec.generate.chat.amounts import CUT, NOT
from polyrec.generate.chat.vocabulary import Vocabulary

_FIRST, _LAST = 1800, 2200  # years
_DECADES = {name: 10 * n for n, name in enumerate(
    ("twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties", "nineties"),
    start=2,
)}  # fmt: skip
_COUNTS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "few": 3, "couple of": 2, "four": 4,
           "five": 5, "six": 6, "ten": 10}  # fmt: skip
_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365, "decade": 3652}


_DECADE_WORDS = rf"(?:19|20)?\d0'?s|{'|'.join(_DECADES)}"
_YEAR = r"(?<![\d.,$€£¥])(?:1[89]|20)\d\d"


def _period(name: str) -> str:
    return rf"(?:the\s+)?(?:year\s+)?(?P<{name}>(?:{_DECADE_WORDS}|{_YEAR})(?![\d.,]*\d))"


_NO = rf"(?P<no>{NOT}\s+(?:(?:that|which|is|are|from|made|released)\s+)*)?"
_RELEASED = r"(?:\b(?:released|made|published|shot|added|films?|movies?)\s+)?"
_MONEY = r"(?!\s*(?:[$€£¥]|usd|eur|dollars?|euros?|bucks?|pounds?|yuan|yen))"
_BETWEEN = re.compile(
    rf"{_RELEASED}(?:\b(?:between|from)\s+)?{_period('low')}\s*(?:and|to|-|until|till|through)\s*{_period('high')}{_MONEY}"
)
_BOUND = re.compile(
    rf"{_NO}{_RELEASED}\b(?:(?P<after>after|newer than|later than|more recent than|younger than)"
    rf"|(?P<since>since|starting from|from(?=\s+(?:the\s+)?\S+\s+on))"
    rf"|(?P<before>before|older than|earlier than|prior to)|(?P<until>until|till|up to))\s+"
    rf"{_period('period')}{_MONEY}(?:\s+on(?:wards?)?\b)?"
)
_INSIDE = re.compile(
    rf"{_NO}{_RELEASED}(?:\b(?:in|from|of|during|out of)\s+)(?:(?:early|mid|late)[\s-]+)?"
    rf"{_period('period')}{_MONEY}"
)
_DECADE = re.compile(rf"{_NO}(?:the\s+)?\b(?P<period>{_DECADE_WORDS})\b")
_AGE = re.compile(
    rf"{_NO}\b(?P<word>older than|newer than|younger than|less than|more than)\s+"
    rf"(?P<count>\d+|{'|'.join(_COUNTS)})\s+(?P<unit>{'|'.join(_DAYS)})s?(?:\s+(?:old|ago))?\b"
)
_LATEST = re.compile(
    rf"{_RELEASED}(?:\b(?:new|from|in|within|during|of|since)\s+)*(?:the\s+)?\b(?:last|past|previous)\s+"
    rf"(?P<count>\d+|{'|'.join(_COUNTS)})?\s*(?P<unit>{'|'.join(_DAYS)})s?\b"
)
_THIS = re.compile(
    rf"{_RELEASED}(?:\b(?:new|from|in|of|since)\s+)*"
    r"\b(?P<unit>(?:yesterday or )?today|yesterday|this (?:week|month|year))\b"
)
_RECENT = re.compile(
    r"\b(?:recently added|newly added|added recently|new arrivals|just added|recently released)\b"
)

_SET = re.compile(
    r"\b(?:set|takes place|taking place|about|plays)(?:\s+(?:in|during))?(?:\s+the)?\s*$"
)  # in a time, not made then


@dataclass
class TimeConditions:
    """A range of years by a key, a range of times, and what can't be compared."""

    years: dict[str, tuple[float, float]]
    times: tuple[int, int] | None = None
    unknown: tuple[str, ...] = ()


def take_periods(text: str, vocabulary: Vocabulary, now: datetime) -> tuple[str, TimeConditions]:
    """Return a folded message without its conditions on times, and these."""
    conditions = TimeConditions({})
    key = vocabulary.number_key("year")
    for pattern in (_BETWEEN, _AGE, _BOUND, _LATEST, _THIS, _RECENT, _INSIDE, _DECADE):
        match = next(
            (m for m in pattern.finditer(text) if not _SET.search(text[: m.start()])), None
        )
        if match is None:
            continue
        if pattern in (_AGE, _LATEST, _THIS, _RECENT):
            _add_age(conditions, _ages(pattern, match, now), key, vocabulary, match[0])
        else:
            _add_years(conditions, _years(pattern, match), key, vocabulary, match[0])
        text = text[: match.start()] + CUT + text[match.end() :]
    return text, conditions


def period_years(text: str) -> tuple[int, int]:
    """Return the first and last year of a year or decade.

    >>> period_years("1994"), period_years("80s"), period_years("2010s"), period_years("nineties")
    ((1994, 1994), (1980, 1989), (2010, 2019), (1990, 1999))
    """
    digits = "".join(re.findall(r"\d", text))
    if not digits:
        start = 1900 + _DECADES[text]
    elif len(digits) == 2:
        start = int(digits) + (1900 if int(digits) >= 30 else 2000)
    else:
        start = int(digits)
    return start, start if text == digits else start + 9


def _years(pattern: re.Pattern[str], match: re.Match[str]) -> tuple[float, float] | None:
    """Return the range of years that a condition allows, None where it is no range."""
    if pattern is _BETWEEN:
        low, high = period_years(match["low"]), period_years(match["high"])
        return min(low[0], high[0]), max(low[1], high[1])
    first, last = period_years(match["period"])
    groups = match.groupdict()
    if pattern is not _BOUND:
        return None if groups.get("no") else (first, last)
    kind = next(name for name in ("after", "since", "before", "until") if groups[name])
    if groups["no"]:
        kind = {"after": "until", "since": "before", "before": "since", "until": "after"}[kind]
    return {
        "after": (last + 1, math.inf),
        "since": (first, math.inf),
        "before": (-math.inf, first - 1),
        "until": (-math.inf, last),
    }[kind]


def _add_years(
    conditions: TimeConditions,
    years: tuple[float, float] | None,
    key: str | None,
    vocabulary: Vocabulary,
    phrase: str,
) -> None:
    if years is None or not (key or vocabulary.has_times):
        conditions.unknown += (phrase.strip(),)
    elif key:
        conditions.years[key] = years
    else:
        first, last = max(years[0], _FIRST), min(years[1], _LAST)
        conditions.times = (
            _microseconds(datetime(int(first), 1, 1, tzinfo=UTC)),
            _microseconds(datetime(int(last) + 1, 1, 1, tzinfo=UTC)) - 1,
        )


def _ages(
    pattern: re.Pattern[str], match: re.Match[str], now: datetime
) -> tuple[datetime, datetime]:
    """Return the first and last moment that a condition relative to now allows."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    distant = datetime(_FIRST, 1, 1, tzinfo=UTC), datetime(_LAST, 1, 1, tzinfo=UTC)
    if pattern is _RECENT:
        return now - timedelta(days=30), distant[1]
    unit = match["unit"]
    if pattern is _THIS:
        return _this(unit, today), today if unit == "yesterday" else distant[1]
    count = match["count"]
    if pattern is _LATEST and unit == "year" and not count:
        return today.replace(now.year - 1, 1, 1), today.replace(month=1, day=1)
    number = int(count) if (count or "").isdigit() else _COUNTS.get(count or "a", 1)
    edge = now - timedelta(days=min(number, 100_000) * _DAYS[unit]) if number < 500 else distant[0]
    if pattern is _LATEST:
        return edge, distant[1]
    is_older = match["word"] in ("older than", "more than")
    if match["no"]:
        is_older = not is_older
    return (distant[0], edge) if is_older else (edge, distant[1])


def _this(unit: str, today: datetime) -> datetime:
    """Return when a unit of time began that lasts until now."""
    if unit.startswith("yesterday"):
        return today - timedelta(days=1)
    if unit == "this week":
        return today - timedelta(days=today.weekday())
    if unit == "this month":
        return today.replace(day=1)
    return today.replace(month=1, day=1) if unit == "this year" else today


def _add_age(
    conditions: TimeConditions,
    ages: tuple[datetime, datetime],
    key: str | None,
    vocabulary: Vocabulary,
    phrase: str,
) -> None:
    in_years = key is not None and re.search("year|decade", phrase) is not None
    if key and (in_years or not vocabulary.has_times):
        first = ages[0].year if ages[0].year > _FIRST else -math.inf
        last = (ages[1] - timedelta(microseconds=1)).year if ages[1].year < _LAST else math.inf
        conditions.years[key] = first, last
    elif vocabulary.has_times:
        conditions.times = _microseconds(ages[0]), _microseconds(ages[1]) - 1
    else:
        conditions.unknown += (phrase.strip(),)


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
