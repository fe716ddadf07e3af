"""Times are read without a guess, or refused with their readings."""

from datetime import UTC, date, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyrec.data.times import parse_times
from polyrec.errors import DataError
from polyrec.source_tables import TableSource
from polyrec.types import Finding

SOURCE = TableSource("o.csv", {"time": "ts"}, line=lambda row: f"line {row + 2}")
NOON = "2024-03-15T12:00:00"


def read(cells: list, form: str | None = None) -> list[str | None]:
    """Return times as ISO text, UTC."""
    times, _ = parse_times(pl.Series(cells, strict=False), SOURCE, form)
    return [
        None if second is None else datetime.fromtimestamp(second, UTC).isoformat()[:19]
        for second in times.to_list()
    ]


def findings(cells: list) -> list[Finding]:
    return parse_times(pl.Series(cells), SOURCE)[1]


@given(st.integers(2**28, 2**31), st.sampled_from(["s", "ms", "us", "ns"]), st.booleans())
def test_units_show_in_the_magnitude(second: int, unit: str, as_text: bool) -> None:
    number = second * {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    times, found = parse_times(pl.Series([str(number) if as_text else number, None]), SOURCE)
    assert times.to_list() == [second, None]
    assert len(found) == (unit != "s")


moments = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001
zones = st.one_of(st.none(), st.integers(-14 * 60, 14 * 60))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(moments, zones, st.sampled_from("T ")), min_size=1, max_size=5))
def test_iso_is_read_in_every_zone(cells: list) -> None:
    expected, texts = [], []
    for moment, minutes, mark in cells:
        zone = UTC if minutes is None else timezone(timedelta(minutes=minutes))
        text = moment.replace(tzinfo=None if minutes is None else zone).isoformat(sep=mark)
        texts.append(text)
        expected.append(
            (moment.replace(tzinfo=zone) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
        )
    times, _ = parse_times(pl.Series(texts), SOURCE)
    assert times.to_list() == [None if second == -1 else second for second in expected]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([1_710_504_000, None, -1], [NOON, None, None]),
        (["1710504000", " 1710504000 "], [NOON, NOON]),
        (["1710504000", "", "-1", "nan", "NULL", "-"], [NOON, *[None] * 5]),
        ([1_710_504_000.7, float("nan"), float("inf")], [NOON, None, None]),
        (["1.710504e9"], [NOON]),
        ([date(2024, 3, 15), None], ["2024-03-15T00:00:00", None]),
        ([datetime(2024, 3, 15, 12), None], [NOON, None]),  # noqa: DTZ001
        ([datetime(2024, 3, 15, 14, tzinfo=timezone(timedelta(hours=2)))], [NOON]),
        ([1, 2, 3], [f"1970-01-01T00:00:0{n}" for n in (1, 2, 3)]),
        ([None, None], [None, None]),
        (["2024-03-15 12:00", "2024/3/15 12:00:00", "2024.03.15 12:00"], [NOON] * 3),
        (["2024-03-15T12:00:00.123456789Z", "2024-03-15 12:00:00 UTC"], [NOON] * 2),
        (["2024-03-15T14:00+0200", "2024-03-15T14:00:00+02"], [NOON] * 2),
        (["15/03/2024 12:00", "01/02/2024 00:00"], [NOON, "2024-02-01T00:00:00"]),
        (["3/15/2024 12:00 PM", "1/2/2024 12:00 AM"], [NOON, "2024-01-02T00:00:00"]),
        (["3/15/2024, 12:00:00 pm", "02-02-2024"], [NOON, "2024-02-02T00:00:00"]),
        (["15.03.2024"], ["2024-03-15T00:00:00"]),
        (["02/02/2024"], ["2024-02-02T00:00:00"]),
        (["15 Mar 2024 12:00", "Mar 15, 2024 12:00", "March 15 2024 12:00"], [NOON] * 3),
        (["15-MAR-2024 12:00"], [NOON]),
        (["Fri, 15 Mar 2024 12:00:00 GMT", "Fri, 15 Mar 2024 13:00:00 +0100"], [NOON] * 2),
        (["1899-12-31"], ["1899-12-31T00:00:00"]),
    ],
)  # fmt: skip
def test_what_leaves_no_doubt_is_read(cells: list, expected: list) -> None:
    assert read(cells) == expected


@pytest.mark.parametrize(
    ("cells", "form", "expected"),
    [
        ([20240315], "%Y%m%d", "2024-03-15T00:00:00"),
        (["20240315120000"], "%Y%m%d%H%M%S", NOON),
        ([20240315], "s", "1970-08-23T06:18:35"),
        (["03/04/2024"], "%d/%m/%Y", "2024-04-03T00:00:00"),
        (["15/03/24 12:00"], "%d/%m/%y %H:%M", NOON),
        (["15.03.2024 12:00:00.250"], "%d.%m.%Y %H:%M:%S.%f", NOON),
        (["2024-03-15 14:00 +0200"], "%Y-%m-%d %H:%M %z", NOON),
        (["1710504000000"], "ms", NOON),
        ([1_710_504_000_000_000], "us", NOON),
    ],
)
def test_a_format_decides(cells: list, form: str, expected: str) -> None:
    assert read([*cells, None], form) == [expected, None]


@pytest.mark.parametrize(
    ("cells", "form", "message"),
    [
        (["x", "2024-01-01"], None, "o.csv line 2, column 'ts': not a time: received 'x'; use"),
        (["2024-01-01", "y", "z"], None, "line 3, column 'ts': not a time (2 such cells: also"),
        (["1710504000", "2024-01-01"], None, "not a time: received '1710504000'"),
        (["2024-02-30"], None, "not a time: received '2024-02-30'"),
        (["2024-13-01"], None, "not a time"),
        (["2024-01-01 24:01"], None, "not a time"),
        (["2024-01-01T12:61:00"], None, "not a time"),
        (["15/03/24"], None, "or set data.time_format (s, ms, us, ns, or such as"),
        (["٢٠٢٤-٠١-٠١"], None, "not a time"),
        (["9" * 30], None, "not a time"),
        (["02/01/2024", "03/03/2024"], None, "line 2, column 'ts': an ambiguous date: "
         "received '02/01/2024: 2 Jan or 1 Feb'; set data.time_format to "
         "'%d/%m/%Y' or '%m/%d/%Y'"),
        (["02.01.2024"], None, "'%d.%m.%Y' or '%m.%d.%Y'"),
        (["13/02/2024", "02/13/2024"], None, "dates with the day first, and with the month first: "
         "received '13/02/2024 (line 2) and 02/13/2024 (line 3)'"),
        ([1_710_504_000, 1_710_504_000_000], None, "times in several units: received "
         "'1710504000 (line 2) and 1710504000000 (line 3)'"),
        ([20240115, 20240116], None, "line 2, column 'ts': an ambiguous time: received "
         "'20240115, a date or s since 1970'; set data.time_format: '%Y%m%d' or s"),
        (["20240115103000"], None, "a date or ms since 1970"),
        ([True], None, "o.csv, column 'ts': not times: received 'Boolean'"),
        ([["2024-01-01"]], None, "not times"),
        (["2024-01-01"], "s", "not a time in s: received '2024-01-01'"),
        (["2024-01-01"], "%d/%m/%Y", "line 2, column 'ts': not a time as %d/%m/%Y"),
    ],
)  # fmt: skip
def test_what_leaves_a_doubt_is_refused(cells: list, form: str | None, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read(cells, form)
    assert message in str(caught.value)


def test_what_was_decided_is_a_finding() -> None:
    assert findings(["2024-01-01"]) == []
    ordered = findings(["02/01/2024", "13/01/2024"])
    assert [(f.what, f.examples) for f in ordered] == [
        ("dates of o.csv read as day, month, year", ("13/01/2024 (line 3)",))
    ]
    mixed = findings(["2024-01-01T00:00:00Z", "2024-01-01"])
    assert [f.what for f in mixed] == ["times of o.csv without a zone, beside times with one"]
    assert [f.what for f in findings([1_710_504_000_000])] == [
        "times of o.csv read as milliseconds since 1970"
    ]
