"""Timestamps and durations in the formats of Gorse's clients."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"h": 3.6e9, "m": 6e7, "s": 1e6, "ms": 1e3, "us": 1.0, "µs": 1.0, "ns": 1e-3}
_STEP = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ms|us|µs|ns|h|m|s)")
_MILLISECONDS = 100_000_000_000  # as seconds, this would be the year 5138


def parse_timestamp(value: object) -> int | None:
    """Return microseconds since 1970; None for no value and for Go's zero time.

    Text is ISO 8601 (also a date alone, a space for the T, or slashes; UTC without a zone) or a
    number. Numbers are seconds, or milliseconds if they are that large. Anything else raises
    `ValueError`.

    >>> parse_timestamp("2022-02-24"), parse_timestamp("2022-02-24T00:00:00+01:00")
    (1645660800000000, 1645657200000000)
    >>> parse_timestamp(1.5)
    1500000
    """
    if value is None or value == "":
        return None
    if isinstance(value, str) and not re.fullmatch(r"\d{9,}(\.\d+)?", value):
        time = datetime.fromisoformat(value.strip().replace("/", "-"))
        if time.tzinfo is None:
            time = time.replace(tzinfo=UTC)
        return None if time.year <= 1 else (time - _EPOCH) // timedelta(microseconds=1)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("a timestamp must be text or a number")
    number = float(value)
    timestamp = int(number * (1_000 if abs(number) >= _MILLISECONDS else 1_000_000))
    format_timestamp(timestamp)  # fail here rather than when it is read
    return timestamp


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
