"""Times as Gorse's clients send them, and as they are sent back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"h": 3.6e9, "m": 6e7, "s": 1e6, "ms": 1e3, "us": 1.0, "µs": 1.0, "ns": 1e-3}
_STEP = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ms|us|µs|ns|h|m|s)")
_MILLISECONDS = 100_000_000_000  # a larger number of seconds lies in the year 5138


def read_moment(given: object) -> int | None:
    """Return microseconds since 1970; None for nothing, and for Go's zero time.

    Text is ISO 8601 (a date alone, a space for the T, and slashes will do; UTC where no zone is
    given), or a number; numbers are seconds, or milliseconds where they are that large. Anything
    else raises `ValueError`.

    >>> read_moment("2022-02-24"), read_moment("2022-02-24T00:00:00+01:00"), read_moment(1.5)
    (1645660800000000, 1645657200000000, 1500000)
    """
    if given is None or given == "":
        return None
    if isinstance(given, str) and not re.fullmatch(r"\d{9,}(\.\d+)?", given):
        moment = datetime.fromisoformat(given.strip().replace("/", "-"))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return None if moment.year <= 1 else (moment - _EPOCH) // timedelta(microseconds=1)
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise ValueError("a time is text or a number")
    number = float(given)
    found = int(number * (1_000 if abs(number) >= _MILLISECONDS else 1_000_000))
    write_moment(found)  # out of the calendar's range: an error now, not when it is read
    return found


def write_moment(moment: int) -> str:
    """Return microseconds since 1970 as RFC 3339 in UTC.

    >>> write_moment(1645660800000000)
    '2022-02-24T00:00:00Z'
    """
    try:
        told = _EPOCH + timedelta(microseconds=moment)
    except OverflowError:
        raise ValueError("a time outside the years 1 to 9999") from None
    return told.isoformat().replace("+00:00", "Z")


def read_duration(given: str) -> int:
    """Return the microseconds of a duration as Go writes it, "1h30m" or "500ms".

    >>> read_duration("1h30m"), read_duration("")
    (5400000000, 0)
    """
    if given in ("", "0"):
        return 0
    steps = _STEP.findall(given)
    if "".join(number + unit for number, unit in steps) != given:
        raise ValueError("a duration is written like 1h30m, 10m or 500ms")
    total = sum(float(number) * _UNITS[unit] for number, unit in steps)
    if total > 1e17:  # three thousand years
        raise ValueError("a duration is at most three thousand years")
    return int(total)
