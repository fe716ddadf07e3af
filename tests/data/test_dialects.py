"""How a table is written is recognised, shown, and can be set."""

import gzip
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polyrec.config import DataConfig, DialectConfig
from polyrec.data.dialects import Dialect, detect_dialect, to_utf8
from polyrec.data.frames import FileReader, Table
from polyrec.data.load import load_dataset
from polyrec.errors import DataError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ROWS = [("u1", "i1", "Les Misérables, 1"), ("u2", "i2", "Wait… what"), ("u3", "i3", "Amélie")]


def text(separator: str = ",", rows: list[tuple] = ROWS, end: str = "\n") -> str:
    quoted = [[f'"{c}"' if separator in c else c for c in row] for row in rows]
    lines = [("user_id", "item_id", "title"), *quoted]
    return end.join(separator.join(line) for line in lines) + end


def read(folder: Path, content: bytes, name: str = "x.csv", **dialect: object) -> Table:
    path = folder / name
    path.write_bytes(content)
    return FileReader({"*": DialectConfig(**dialect)}).table(path)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.txt", "x.CSV"])
def test_separators_are_recognised(tmp_path: Path, separator: str, name: str) -> None:
    table = read(tmp_path, text(separator).encode(), name)
    assert table.frame.rows() == ROWS
    assert table.files[0]["separator"] == separator


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16-le"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32-le"),
        ("cp1252", "cp1252"),
    ],
)
def test_encodings_are_recognised(tmp_path: Path, encoding: str, shown: str) -> None:
    table = read(tmp_path, text(";", end="\r\n").encode(encoding))
    assert table.frame.rows() == ROWS
    assert table.files[0]["encoding"] == shown
    guessed = [f for f in table.findings if "not UTF-8" in f.what]
    assert len(guessed) == (shown == "cp1252")


@pytest.mark.parametrize(
    ("encoding", "title"),
    [
        ("gb18030", "战争与和平"),
        ("big5", "戰爭與和平"),
        ("cp932", "戦争と平和"),
        ("cp949", "전쟁과 평화"),
        ("cp1251", "Война и мир, том первый"),
        ("koi8-r", "Война и мир, том первый"),
        ("iso-8859-7", "Πόλεμος και Ειρήνη"),
    ],
)
def test_other_scripts_are_recognised_with_a_sample(
    tmp_path: Path, encoding: str, title: str
) -> None:
    rows = [(f"u{n}", f"i{n}", title if n % 9 == 0 else f"title {n}") for n in range(99)]
    table = read(tmp_path, text(";", rows).encode(encoding))
    assert table.frame.rows() == rows
    assert title in table.findings[0].examples[0]


def test_a_late_odd_byte_is_not_lost(tmp_path: Path) -> None:
    rows = [(f"u{n}", "i", "plain") for n in range(30_000)]
    content = (text(",", rows) + "u,i,caf\xe9\n").encode("latin-1")
    table = read(tmp_path, content)
    assert table.frame["title"][-1] == "café"
    with pytest.raises(DataError, match=r"x\.csv line 30002 is not utf-8: received b'\\xe9"):
        read(tmp_path, content, encoding="utf-8")
    assert read(tmp_path, content, encoding="latin-1").findings == ()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.text(st.characters(codec="cp1252", exclude_categories=["C"]), max_size=9),
             min_size=1, max_size=9),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    st.sampled_from([",", ";", "\t"]),
)  # fmt: skip
def test_what_is_set_is_used(
    tmp_path: Path, titles: list[str], encoding: str, separator: str
) -> None:
    rows = [(f"u{n}", "i", title.replace('"', "'")) for n, title in enumerate(titles)]
    content = text(separator, rows).encode(encoding)
    table = read(tmp_path, content, separator=separator, encoding=encoding)
    assert [tuple(c or "" for c in row) for row in table.frame.rows()] == rows


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.csv.zst", "x.jsonl.gz", "x.jsonl.zst"])
def test_compressed_tables_are_read(tmp_path: Path, name: str) -> None:
    content = b'{"user_id": "u"}\n{"user_id": "v"}\n' if "json" in name else b"user_id\nu\nv\n"
    pack = {".gz": gzip.compress, ".zst": zstd.compress}.get(Path(name).suffix, bytes)
    table = read(tmp_path, pack(content), name)
    assert table.frame["user_id"].to_list() == ["u", "v"]
    if pack is not bytes:
        with pytest.raises(DataError, match=f"{name} can't be read"):
            read(tmp_path, pack(content)[:-6], name)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a;b;c\n1,5;2,5;x\n", Dialect(";")),
        ("a,b\n", Dialect(",")),
        ("a\n1\n", Dialect(",")),
        ("sep=|\na|b,c\n1|2\n", Dialect("|", skip=1)),
        ("'a','b'\n'1','2'\n", Dialect(",", "'")),
        ('a;b\n"1;2;3",x;"y\n', Dialect(";")),
        ("a,b|c,d|e\n1,2|3,4|5\n1,2|3,4\n", Dialect(",")),
        ("", Dialect(",")),
    ],
)
def test_a_few_records_show_the_dialect(content: str, expected: Dialect) -> None:
    assert detect_dialect(content.encode(), DialectConfig(), suffix=".csv") == expected


def test_excel_s_hint_and_its_decimal_commas(tmp_path: Path) -> None:
    lines = "".join(f"u{u};i{i};{u % 5},5;0{i + 1}.13.2024\n" for u in range(9) for i in range(5))
    content = f"sep=;\r\nuser_id;item_id;rating;timestamp\r\n{lines}"
    (tmp_path / "interactions.csv").write_text(content, encoding="utf-16", newline="")
    loaded = load_dataset(DataConfig(path=tmp_path, min_rating=3), weights={}, seed=0)
    assert loaded.validation.counts["time_range"][0] == "2024-01-13T00:00:00+00:00"
    assert loaded.validation.counts["files"] == [
        {"file": "interactions.csv", "rows": 45, "format": "text", "separator": ";", "quote": '"',
         "encoding": "utf-16-le"}
    ]  # fmt: skip
    found = {f.what: f.examples for f in loaded.validation.findings}
    assert found["decimal commas in interactions.csv, column 'rating'"] == ("'0,5'",)
    liked = loaded.train.weights > 0
    assert {loaded.users[user] for user in loaded.train.users[liked]} == {
        "u3", "u4", "u8",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("ratings", "decimal", "message"),
    [
        (["1,234", "5"], None, "line 2, column 'rating': an ambiguous comma: received "
         "\"'1,234' is 1.234 or 1234\"; set data.dialect.decimal: ','"),
        (["4,5", "3.5"], None, "two decimal marks: received \"'4,5', and '3.5' on line 3\""),
        (["4,5", "x"], None, "line 3, column 'rating': not a number"),
        (["4,5", "3.5"], ",", "line 3, column 'rating': not a number"),
        (["4,5", "3"], ".", "line 2, column 'rating': not a number: received '4,5'; fix it or "
         "leave it empty; if the comma is the decimal mark, set data.dialect.decimal: ','"),
    ],
)  # fmt: skip
def test_a_comma_of_two_readings_is_refused(
    tmp_path: Path, ratings: list[str], decimal: str | None, message: str
) -> None:
    lines = "".join(f"u{n};i{n};{rating}\n" for n, rating in enumerate(ratings))
    (tmp_path / "interactions.csv").write_text("user_id;item_id;rating\n" + lines)
    dialect = {} if decimal is None else {"decimal": decimal}
    with pytest.raises(DataError) as caught:
        load_dataset(DataConfig(path=tmp_path, min_rating=3, dialect=dialect), weights={}, seed=0)
    assert message in str(caught.value)


def test_each_file_may_have_its_own_dialect(tmp_path: Path) -> None:
    (tmp_path / "interactions.csv").write_text("u1^i1^5\nu2^i2^6\n")
    (tmp_path / "items.csv").write_text("item_id;title\ni1;'A;B'\ni2;C\n")
    dialect = {
        "interactions.csv": {"separator": "^", "header": ["user_id", "item_id", "timestamp"]},
        "items.csv": {"quote": "'"},
    }
    tables = FileReader(DataConfig(path=tmp_path, dialect=dialect).dialect)
    assert tables.table(tmp_path / "interactions.csv").frame.columns == [
        "user_id", "item_id", "timestamp",
    ]  # fmt: skip
    assert tables.table(tmp_path / "items.csv").frame["title"].to_list() == ["A;B", "C"]


def test_utf_8_is_told_from_everything_else() -> None:
    assert to_utf8("é".encode(), None, file="x") == ("é".encode(), "utf-8", [])
    assert to_utf8(b"", None, file="x") == (b"", "utf-8", [])
    with pytest.raises(DataError, match="x line 2 is not utf-16-le"):
        to_utf8("a\n".encode("utf-16") + b"b", None, file="x")
