"""Timestamps and durations in the formats of Gorse's clients."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"h": 3.6e9, "m": 6e7, "s": 1e6, "ms": 1e3, "us": 1.0, "µs": 1.0, "ns": 1e-3}
_STEP = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ms|us|µs|ns|h|m|s)")
# as seconds, each would be thousands of years ahead; units are told apart as Gorse does, by digits
_PER_UNIT = ((1e17, 1e-3), (1e14, 1.0), (1e11, 1e3), (0.0, 1e6))  # smallest number, microseconds
# Go writes "2022-02-24 10:00:00.123456789 +0800 CST m=+0.1"
_GO = re.compile(r"(.*?)(?: ([+-]\d{4})(?: [A-Z]{3,4})?| UTC| GMT)?(?: m=\S+)?", re.DOTALL)
_MAX_LENGTH = 64  # characters
_MAIL = re.compile(r"[A-Z][a-z]{2}, \d.*")
_NANOSECONDS = re.compile(r"(\.\d{6})\d+")
_DATES = (
    "%Y-%m-%d", "%m-%d-%Y", "%Y.%m.%d", "%m.%d.%Y", "%Y年%m月%d日", "%b %d, %Y", "%B %d, %Y",
    "%d %b %Y", "%d %B %Y", "%a %b %d %Y",
)  # fmt: skip
_TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", ", %H:%M:%S")


def parse_timestamp(value: object) -> int | None:
    """Return microseconds since 1970; None for no value and for Go's zero time.

    Text is ISO 8601, the form of HTTP and mail, of Go ("2022-02-24 10:00:00 +0000 UTC"), a date
    with slashes, dots or the month's English name (month first, as Gorse reads them), or a number.
    Without a zone it is UTC. Numbers are seconds, milliseconds, microseconds or nanoseconds, by
    their size. Anything else raises `ValueError`.

    >>> parse_timestamp("2022-02-24"), parse_timestamp("2022-02-24T00:00:00+01:00")
    (1645660800000000, 1645657200000000)
    >>> parse_timestamp("Feb 24, 2022 1:30 PM"), parse_timestamp("02/24/2022"), parse_timestamp(1.5)
    (1645709400000000, 1645660800000000, 1500000)
    """
    if value is None or value == "":
        return None
    if isinstance(value, str) and not re.fullmatch(r"\d{9,13}(\.\d+)?|\d{16}|\d{19}", value):
        time = _parse_text(value.strip())
        if time.tzinfo is None:
            time = time.replace(tzinfo=UTC)
        return None if time.year <= 1 else (time - _EPOCH) // timedelta(microseconds=1)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("a timestamp must be text or a number")
    number = float(value)
    unit = next(unit for smallest, unit in _PER_UNIT if abs(number) >= smallest)
    timestamp = int(number * unit)
    format_timestamp(timestamp)  # fail here rather than when it is read
    return timestamp


def _parse_text(text: str) -> datetime:
    """Return the time that a text names, without a zone if it names none."""
    if len(text) > _MAX_LENGTH:
        raise ValueError(f"a timestamp has at most {_MAX_LENGTH} characters")
    if _MAIL.fullmatch(text):
        return parsedate_to_datetime(text)
    text = _NANOSECONDS.sub(r"\1", text.replace("/", "-"))
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        local, offset = _GO.fullmatch(text).groups()  # type: ignore[union-attr]
    zone = f" {offset}" if offset else ""
    dated = (date + hours for date, hours in itertools.product(_DATES, _TIMES))
    for form in ("%Y%m%d%H%M%S", *dated):
        try:
            return datetime.strptime(local + zone, form + (" %z" if zone else ""))  # noqa: DTZ007
        except ValueError:
            continue
    raise ValueError("this form of date is not known; send 2026-01-31T12:00:00Z")


def format_timestamp(timestamp: int) -> str:
    """Return microseconds since 1970 as RFC 3339 in UTC.

    >>> format_timestamp(1645660800000000)
    '2022-02-24T00:00:00Z'
    """
    try:
        time = _EPOCH + timedelta(microseconds=timestamp)
    except OverflowError:
        raise ValueError("a timestamp must lie in the years 1 to 9999") from None
    return time.isoformat().replace("+00:00", "Z")


def parse_duration(text: str) -> int:
    """Return the microseconds of a duration in Go's notation, "1h30m" or "500ms".

    >>> parse_duration("1h30m"), parse_duration("")
    (5400000000, 0)
    """
    if text in ("", "0"):
        return 0
    steps = _STEP.findall(text)
    if "".join(number + unit for number, unit in steps) != text:
        raise ValueError("write a duration as 1h30m, 10m or 500ms")
    total = sum(float(number) * _UNITS[unit] for number, unit in steps)
    if total > 1e17:  # three thousand years
        raise ValueError("a duration is at most three thousand years")
    return int(total)
