"""Odd files are refused with file, line, column and a remedy, or read with a count of losses."""

import gzip
import io
import json
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from polyrec.config import parse_config
from polyrec.data.load import load_dataset
from polyrec.errors import DataError

HEAD = "user_id,item_id,timestamp\n"
LOG = HEAD + "".join(
    f"u{u},i{(u + j) % 5},{1_600_000_000 + 100 * u + j}\n" for u in range(4) for j in range(4)
)
TIMED = ",1600000000\n"
PAIRS = {"user_id": ["a", "a", "a", "b", "b", "b"], "item_id": ["x", "y", "z", "x", "y", "z"]}
REMEDY = "; use seconds or ISO 8601, or set data.time_format"
EVENTS, ITEMS = "interactions.csv", "items.csv"


class Case(NamedTuple):
    """Files and settings, and what comes of them: an error, or a number of events and findings."""

    files: dict[str, str | bytes]
    outcome: str | tuple[int, dict[str, int]]
    settings: dict | None = None


def csv(outcome: str | tuple, content: str | bytes, **settings: object) -> Case:
    return Case({EVENTS: content}, outcome, settings)


def more(outcome: str | tuple, *lines: str, **settings: object) -> Case:
    """Return the log with further lines."""
    return csv(outcome, LOG + "".join(lines), **settings)


def parquet(outcome: str | tuple, **columns: list) -> Case:
    buffer = io.BytesIO()
    pl.DataFrame(PAIRS | columns, strict=False).write_parquet(buffer)
    return Case({"interactions.parquet": buffer.getvalue()}, outcome)


def json_lines(outcome: str | tuple, content: str, suffix: str = "jsonl") -> Case:
    return Case({f"interactions.{suffix}": content}, outcome)


def items(outcome: str | tuple, content: str, log: str = LOG) -> Case:
    return Case({EVENTS: log, ITEMS: "item_id,title\n" + content}, outcome)


def column(name: str, before: str = "1600", after: str = "1600") -> str:
    """Return the log with its last column called otherwise, and other cells in it."""
    return LOG.replace("timestamp", name).replace(before, after)


INVALID_ID = "interactions.csv line 18, column 'user_id': 1 invalid user ids: received "
NO_USER = "interactions.csv has no column 'user_id' for the user: received "
MIXED_ZONES = "".join(
    f"u,i{n},2024-01-0{n + 1}T00:00:00{zone}\n"
    for n, zone in enumerate(["Z", "+02:00", "", "-05:00"])
)
CASES = {
    # nothing in it, or something else
    "empty": csv("the file is empty: received 'interactions.csv'; export it again", b""),
    "a byte order mark alone": csv("the file is empty", b"\xef\xbb\xbf"),
    "line feeds alone": csv("the file is empty", "\n\r\n\n"),
    "a header alone": csv("there are no events: received '0 rows'", HEAD),
    "a header without its end": csv("there are no events", HEAD.strip()),
    "no header": csv(NO_USER + "'u0, i0, 1600000000'; set data.columns.user", LOG[len(HEAD) :]),
    "zero bytes": csv(NO_USER, b"\0" * 64),
    "any bytes": csv("interactions.csv line 2 can't be read", bytes(range(256)) * 8),
    "a picture": csv(
        "interactions.csv is not text: received 'a picture'; save it as CSV",
        b"\x89PNG\r\n\x1a\n" + b"\0\1\2" * 50,
    ),
    "a workbook": csv("is not text: received 'a zip archive or an Excel workbook'", b"PK\3\4..."),
    "a page": csv(NO_USER + "'<!DOCTYPE html>'", "<!DOCTYPE html>\n<html>Not found</html>\n"),
    "JSON": csv(NO_USER, json.dumps(PAIRS)),
    "parquet that is text": Case(
        {"interactions.parquet": LOG}, "interactions.parquet can't be read: received 'parquet: File"
    ),
    "parquet that is cut": Case(
        {"interactions.parquet": parquet("").files["interactions.parquet"][:-9]},
        "interactions.parquet can't be read",
    ),
    "gzip that is cut": Case(
        {"interactions.csv.gz": gzip.compress(LOG.encode())[:-9]},
        "interactions.csv.gz can't be read",
    ),
    "gzip that is called CSV": csv((16, {}), gzip.compress(LOG.encode())),
    "a workbook by name": Case(
        {EVENTS: LOG, "items.xlsx": b"PK"},
        "unknown table format: received 'items.xlsx'; use one of .parquet, .csv",
        {"items": "items.xlsx"},
    ),
    "a folder by name": Case({EVENTS: LOG}, "unknown table format", {"items": "."}),
    # headers
    "a used name twice": csv("interactions.csv has several columns 'user_id'", column("user_id")),
    "an unused name twice": csv((16, {}), LOG.replace("\n", ",1,2\n").replace("p,1,2", "p,x,x")),
    "a name in other letters": csv(
        "; set data.columns.user: 'User_ID'", LOG.replace("user_id", "User_ID")
    ),
    "a name with a space": csv(
        "; set data.columns.item: ' item_id'", LOG.replace(",item_id", ", item_id")
    ),
    # rows
    "short rows": more(
        (
            17,
            {
                "rows of interactions.csv with too few cells": 2,
                "events without user or item": 1,
                "events without a time": 1,
            },
        ),
        "u9,i9\n",
        "u9\n",
    ),
    "a long row": more(
        "interactions.csv line 18 has too many cells: received '4 cells: u9,i9,1,x'; "
        "the header has 3: quote cells with ','",
        "u9,i9,1,x\n",
    ),
    "commas at the end": csv(
        (16, {"rows of interactions.csv with surplus empty cells": 16}),
        LOG.replace("\n", ",\n").replace("timestamp,", "timestamp"),
    ),
    "another separator": more(
        (16, {"rows of interactions.csv with too few cells": 1, "events without user or item": 1}),
        "u9;i9;1600000000\n",
    ),
    "empty cells": more(
        (
            16,
            {"empty rows of interactions.csv": 1, "events without user or item": 2},
        ),
        f",i1{TIMED}",
        f"u1,{TIMED}",
        ",,\n",
        max_missing={"events": 0.2},
    ),
    "white space": more((16, {"events without user or item": 1}), "   \n"),
    "empty lines": csv((16, {}), LOG.replace("\n", "\n\n")),
    "carriage returns": csv((16, {}), LOG.replace("\n", "\r")),
    "line ends of both kinds": csv((16, {}), LOG.replace("\n", "\r\n", 5)),
    "an open quote": more(
        "interactions.csv line 18 can't be read", f'"u9,i9{TIMED}', f'"u8",i1{TIMED}'
    ),
    "a quote in a cell": more((17, {}), f'u"9,i1{TIMED}'),
    "doubled quotes": more((17, {}), f'"u""9",i1{TIMED}'),
    "one event": csv("the test split is empty: received '1 events'", HEAD + "u,i,1\n"),
    # ids
    "a line feed in an id": more(INVALID_ID, f'"u\n9",i1{TIMED}'),
    "a zero byte in an id": more(INVALID_ID, f"u\0,i1{TIMED}"),
    "an id of 1e6 letters": more(INVALID_ID, f"{'x' * 10**6},i1{TIMED}"),
    "a cell of 1e6 letters": csv(
        (16, {}),
        LOG.replace("\n", ",x\n").replace("p,x", "p,note").replace(",x", "," + "x" * 10**6, 1),
    ),
    "NaN as an id": more(
        (18, {"user ids that look like a missing value": 2}), f"nan,i1{TIMED}", f"NaN,i2{TIMED}"
    ),
    "ids with a space": more(
        (17, {"user ids that differ from others in white space only": 1}), f" u1,i1{TIMED}"
    ),
    "floats as ids": parquet(
        "column 'user_id': not ids: received 'Float64'; store ids as text or integers (in pandas, "
        "astype('Int64')",
        user_id=[1.0, None, 2, 3, 4, 5],
    ),
    "truth as ids": parquet("column 'user_id': not ids: received 'Boolean'", user_id=[True] * 6),
    "days as ids": parquet(
        "column 'item_id': not ids: received 'Date'", item_id=[date(2024, 1, 1)] * 6
    ),
    "lists as ids": parquet(
        "column 'item_id': not ids: received 'List(String)'", item_id=[["a"]] * 6
    ),
    "no ids": parquet(
        "interactions.parquet: 6 of 6 events have no user or no item: received "
        "\"column 'item_id' is empty in 6 rows, first on row 1\"; check data.columns",
        item_id=[None] * 6,
    ),
    "a sixth without ids": parquet(
        "1 of 6 events have no user or no item", item_id=["x", None, "z", "x", "y", "z"]
    ),
    "a sixth without ids, which is allowed": Case(
        parquet("", item_id=["x", None, "z", "x", "y", "z"]).files,
        (5, {"events without user or item": 1}),
        {"max_missing": {"events": 0.2}},
    ),
    "times for a split at one moment": csv(
        'interactions.csv: 2 of 18 events have no time: received "interactions.csv line 18, column '
        "'timestamp'\"; global_time drops such events",
        LOG + "u9,i1,\nu8,i1,\n",
        split={"use": "global_time"},
    ),
    # times
    "a word late": more(
        "line 18, column 'timestamp': not a number, unlike other times: received 'soon'" + REMEDY,
        "u9,i1,soon\n",
    ),
    "a zero byte in a time": more(
        "not a number, unlike other times: received '16\\x00'", "u9,i1,16\0\n"
    ),
    "no such day": more("line 18, column 'timestamp': not a number", "u9,i1,0000-00-00 00:00:00\n"),
    "words": csv(
        "line 2, column 'timestamp': not a time (16 such cells: also line 3, line 4, line 5): "
        "received 't00000000'" + REMEDY,
        column("timestamp", "16", "t"),
    ),
    "a far year": csv("not a time: received '20000-01-01'", HEAD + "u,i,20000-01-01\n"),
    "a time before 1970": more((17, {}), "u1,i9,-86400\n"),
    "several units": more(
        "times in several units: received '1600000000 (line 2) and 1600000000000 (line 18)'",
        "u9,i1,1600000000000\n",
    ),
    "several zones": csv(
        (4, {"times of interactions.csv without a zone, beside times with one": 1}),
        HEAD + MIXED_ZONES,
    ),
    "day or month": csv(
        "an ambiguous date: received '01/02/2024: 1 Feb or 2 Jan'",
        HEAD + "".join(f"u,i{n},0{n}/02/2024\n" for n in range(1, 5)),
    ),
    "days or seconds": csv(
        "an ambiguous time: received '20240101, a date or s since 1970'",
        HEAD + "".join(f"u,i{n},2024010{n}\n" for n in range(1, 5)),
    ),
    "truth as times": parquet(
        "column 'timestamp': not times: received 'Boolean'", timestamp=[True] * 6
    ),
    "durations as times": parquet(
        "column 'timestamp': not times: received", timestamp=[timedelta(1)] * 6
    ),
    "one without a time": more((17, {"events without a time": 1}), "u1,i9,\n"),
    "one of minus one": more((17, {"events without a time": 1}), "u1,i9,-1\n"),
    # other columns
    "ratings of no use": csv((16, {}), column("rating", "1600", "good")),
    "ratings of words": csv(
        "interactions.csv line 2, column 'rating': not a number (16 such cells: also line 3",
        column("rating", "1600", "good"),
        min_rating=3,
    ),
    "a rating that is missing": csv(
        (16, {"events without a rating": 1}), column("rating", "1600000302", ""), min_rating=3
    ),
    "a weight without end": csv(
        "line 16, column 'weight': not a number: received 'inf'",
        column("weight", "1600000302", "inf"),
    ),
    "a weight that is missing": csv(
        "line 16, column 'weight': not a weight", column("weight", "1600000302", "")
    ),
    "an unknown part": csv(
        "line 2, column 'split': unknown split (16 such cells: also line 3, line 4, line 5): "
        "received 'a0000000'; use train, valid, test",
        column("split", "1600", "a0"),
    ),
    "kinds without a weight": csv(
        "column 'kind': unknown kinds of events: received ['a0", column("kind", "16", "a")
    ),
    # JSON
    "a broken line": json_lines(
        "interactions.jsonl line 2 is not a JSON object: received '{\"user_id\":'",
        '{"user_id":"a","item_id":"b"}\n{"user_id":\n',
    ),
    "an array a line": json_lines("interactions.jsonl entry 1 is not a JSON object", '["a","b"]\n'),
    "a number a line": json_lines(
        "interactions.jsonl line 1 is not a JSON object: received '5'", "5\n"
    ),
    "an array": json_lines(
        (4, {}), json.dumps([{"user_id": 1, "item_id": n} for n in range(4)], indent=1), "json"
    ),
    "an open array": json_lines(
        "interactions.json line 3 is not a JSON object", '[{"user_id":1},\n{"user_id":2}\n', "json"
    ),
    "a deep array": json_lines(
        "line 1 is not a JSON object", '{"user_id":' + "[" * 5000 + "]" * 5000 + "}\n"
    ),
    "lists of ids": json_lines(
        "not ids: received 'List(String)'", '{"user_id":["a"],"item_id":"b"}\n' * 3
    ),
    "half a character": json_lines(
        (3, {"unpaired surrogates in interactions.jsonl": 1}),
        "".join(f'{{"user_id":"a","item_id":"{i}\\ud800"}}\n' for i in "xyz"),
    ),
    "other keys": json_lines(
        "1 of 4 events have no user or no item: received \"column 'user_id' is empty in 1 rows",
        '{"uid":"a","item_id":"y"}\n'
        + "".join(f'{{"user_id":"a","item_id":"{i}"}}\n' for i in "xyz"),
    ),
    # items
    "an item twice": items(
        "items.csv, column 'item_id': duplicate or empty item ids: received "
        "\"'i1' on line 2, 'i1' on line 3\"; give each item one row",
        "i1,A\ni1,B\n",
    ),
    "an item without an id": items(
        "duplicate or empty item ids: received 'None on line 3'", "i1,A\n,B\n"
    ),
    "rows of nothing": items((16, {"empty rows of items.csv": 2}), "i1,A\n,\n,\n"),
    "other items": items(
        "no item of an event is in the items table: received \"'i0' in events, 'x1' in items\"",
        "x1,A\n",
    ),
    "no items": items(
        "no item of an event is in the items table: received \"'i0' in events, none in items\"", ""
    ),
    "padded items": items(
        "\"'1' in events, '01' in items\"", "01,A\n", log=HEAD + "u,1,1\nu,2,2\nu,3,3\n"
    ),
    # encodings
    "UTF-16 that is cut": csv(
        "interactions.csv line 17 is not utf-16-le", LOG.encode("utf-16")[:-1]
    ),
    "UTF-16 without a mark": csv((16, {}), LOG.encode("utf-16-le")),
    "Latin-1": csv(
        (17, {"text of interactions.csv read as cp1252, as it is not UTF-8": 1}),
        (LOG + f"é,i1{TIMED}").encode("latin-1"),
    ),
    "not what is set": csv(
        "interactions.csv line 18 is not utf-8: received b'\\xe9,i1'",
        (LOG + f"é,i1{TIMED}").encode("latin-1"),
        dialect={"encoding": "utf-8"},
    ),
    "a separator that is not there": csv(
        NO_USER + "'user_id,item_id,timestamp'", LOG, dialect={"separator": ";"}
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_odd_file(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    for file, content in case.files.items():
        (tmp_path / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    config = parse_config({"data": {"path": ".", **(case.settings or {})}}, folder=tmp_path).data
    if isinstance(case.outcome, str):
        with pytest.raises(DataError) as caught:
            load_dataset(config, weights={}, seed=0)
        assert case.outcome in str(caught.value)
        return
    loaded = load_dataset(config, weights={}, seed=0)
    events, losses = case.outcome
    assert loaded.validation.counts["events"] == events
    found = {f.what: f.count for f in loaded.validation.findings}
    assert losses.items() <= found.items()
    if not losses:
        assert all("train events" in what or "without" in what for what in found), found
