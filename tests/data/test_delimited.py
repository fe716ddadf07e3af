"""Delimited text means what RFC 4180 says, row by row, or is refused with its line."""

import csv
import io
import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from polyrec.data.delimited import TextTable, read_delimited
from polyrec.data.dialects import Dialect
from polyrec.errors import DataError


def read(text: str, separator: str = ",") -> TextTable:
    return read_delimited(text.encode(), Dialect(separator), file="x.csv")


def records(body: str) -> list[list[str]] | None:
    """Return what the csv module reads, None where it refuses or a row is too long for x and y."""
    try:
        found = list(csv.reader(io.StringIO(body, newline="\n"), strict=True))
    except csv.Error:
        return None
    return None if any(any(row[2:]) for row in found) else found


def check_against_the_csv_module(body: str) -> None:
    expected = records(body)
    try:
        rows = read("x,y\n" + body).frame.rows()
    except DataError:
        assert expected is None
        return
    if expected is None:  # then quotes are characters like any other
        expected = [line.split(",") for line in body.split("\n") if line]
        assert all(len(row) == 2 for row in expected)
        cells = [cell for row in expected for cell in row]
        assert not any(len(cell) > 1 and cell[0] == cell[-1] == '"' for cell in cells)
    filled = [tuple(cell or None for cell in [*row, "", ""][:2]) for row in expected if row]
    assert [tuple(cell or None for cell in row) for row in rows] == filled


@pytest.mark.parametrize("length", range(5))
def test_all_short_texts_are_read_as_the_csv_module_reads_them(length: int) -> None:
    for body in itertools.product('a",\n', repeat=length):
        check_against_the_csv_module("".join(body))


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from('ab",\n'), max_size=30))
@example('1,"a\n"b"\n2,c\n')
@example('1,5" disc\n2,7" disc\n')
@example(",\n\n,,")
def test_longer_ones_too(body: str) -> None:
    check_against_the_csv_module(body)


def test_rows_have_lines_also_after_cells_with_line_feeds() -> None:
    even = read('x,y\n1,"a\n\nb"\n2,c\n')
    assert [even.line(row) for row in (0, 1)] == [2, 5]
    uneven = read('x,y\n\n1,"a\nb"\n2\n3,d,\n')
    assert [uneven.line(row) for row in range(3)] == [3, 5, 6]
    assert [(f.count, f.examples) for f in uneven.findings] == [(1, ("line 5",)), (1, ("line 6",))]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y\n1,2\n1,2,3\n", "x.csv line 3 has too many cells: received '3 cells: 1,2,3'; "
         "the header has 2: quote cells with ','"),
        ('x,y\n"1",2\n3,"a\n4,5\n', "x.csv line 3 can't be read: received 'unexpected end"),
        ('x,y\n1,2\n3,"a"b\n4,5,6\n', "x.csv line 3 can't be read"),
        ('x,"y\n1,2\n', "x.csv line 1 can't be read"),
        ("\n\r\n", "the file is empty: received 'x.csv'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read(text)
    assert message in str(caught.value)


def test_a_quote_is_a_character_where_it_can_be_nothing_else() -> None:
    table = read('x\ty\n1\t5" disc\n2\t"Heroes\n', "\t")
    assert table.frame.rows() == [("1", '5" disc'), ("2", '"Heroes')]
    assert table.dialect.quote == ""
    assert [(f.what, f.count) for f in table.findings] == [
        ("quotes in x.csv that are part of the text", 2)
    ]


def test_headers_are_kept_apart() -> None:
    table = read("x,x,,x\n1,2,3,4\n")
    assert table.frame.columns == ["x", "x (2)", "column 3", "x (3)"]
    assert table.duplicates == {"x"}
    named = read_delimited(b"1,2\n3,4\n", Dialect(","), file="x.csv", header=("a", "b"))
    assert named.frame.to_dicts() == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
    assert named.line(0) == 1


@pytest.mark.parametrize(
    "text", ["x,y\n1,2\n3,4", "x,y\r\n1,2\r\n3,4\r\n", "x,y\r1,2\r3,4\r", "\nx,y\n1,2\n\n3,4\n\n\n"]
)
def test_all_line_ends_are_read(text: str) -> None:
    assert read(text).frame.rows() == [("1", "2"), ("3", "4")]


def test_long_cells_and_zero_bytes_are_cells() -> None:
    long = "x" * 1_000_000
    assert read(f"x,y\n{long},a\0b\n1\n").frame.rows() == [(long, "a\0b"), ("1", None)]
    assert read("x\n\n1\n\n2\n").frame.rows() == [("1",), ("2",)]
    assert read("x,y\n").frame.rows() == []
