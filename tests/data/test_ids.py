"""Any text is an id: it comes back byte for byte from every format, from bundles, from tables."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import polyrec
from polyrec.artifact.bundle import Bundle
from polyrec.config import DataConfig
from polyrec.data.columns import id_findings, ids_to_text, invalid_ids
from polyrec.data.ids import IdColumn
from polyrec.data.load import Dataset, load_dataset
from polyrec.data.readers import FolderReader
from polyrec.errors import DataError
from polyrec.registry import find_class
from polyrec.source_tables import TableSource
from polyrec.types import id_problem, silent

Rows = list[tuple[str, str]]

ODD = ("007", "7", "1.10", "1.1", "1e5", " a", "a", "NA", "null", "true", "0x1F", "-0", "1_000",
       "१२", "é", "e\u0301", "a,b", 'a"b', "'a'", "a;b", "a\tb", "😀", "\u200b",
       "12345678901234567890")  # fmt: skip

any_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
ids = st.lists(any_text, min_size=2, max_size=12, unique=True)
valid_ids = st.lists(
    any_text.filter(lambda name: id_problem(name) is None), min_size=2, max_size=12, unique=True
)
small = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def write(folder: Path, suffix: str, rows: list[tuple[str, str]]) -> Path:
    for old in folder.iterdir():
        old.unlink()
    path = folder / f"interactions{suffix}"
    names = ("user_id", "item_id")
    if suffix == ".parquet":
        pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row").write_parquet(path)
    elif suffix == ".jsonl":
        lines = [json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) for row in rows]
        path.write_text("\n".join(lines), encoding="utf-8", newline="")
    else:
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer, delimiter="\t" if suffix == ".tsv" else ",")
        writer.writerows([names, *rows])
        path.write_text(buffer.getvalue(), encoding="utf-8", newline="")
    return folder


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
@small
@given(ids)
@example(list(ODD))
def test_any_text_comes_back_from_a_file(tmp_path: Path, suffix: str, names: list[str]) -> None:
    rows = list(zip(names, reversed(names), strict=True))
    tables = FolderReader().read(write(tmp_path, suffix, rows), {})
    assert tables.events.rows() == rows


def delimited(head: str, separator: str, quoted: bool = False) -> Callable[[Rows], str]:
    """Return a writer of tables; with `quoted`, cells are in quotes."""

    def write_rows(rows: Rows) -> str:
        mark = '"' if quoted else ""
        cells = [[mark + cell.replace('"', '""') * quoted + cell * (not quoted) + mark
                  for cell in row] for row in rows]  # fmt: skip
        return head + "".join(separator.join([*row, "4", "1600000000"]) + "\n" for row in cells)

    return write_rows


def json_of(user: str, item: str) -> Callable[[Rows], str]:
    return lambda rows: "".join(json.dumps({user: u, item: i}) + "\n" for u, i in rows)


WRITERS: dict[str, tuple[str, str, Callable[[Rows], str]]] = {
    "recbole": ("recbole", "x.inter", delimited(
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n", "\t")),
    "mmrec": ("mmrec", "x.inter", delimited("userID\titemID\trating\ttimestamp\n", "\t")),
    "MovieLens": ("movielens", "ratings.csv", delimited(
        "userId,movieId,rating,timestamp\n", ",", quoted=True)),
    "MovieLens 100K": ("movielens", "u.data", delimited("", "\t")),
    "MovieLens 1M": ("movielens", "ratings.dat", delimited("", "::")),
    "Amazon 2014": ("amazon", "reviews.jsonl", json_of("reviewerID", "asin")),
    "Amazon 2023": ("amazon", "reviews.jsonl.gz", json_of("user_id", "parent_asin")),
    "Gorse": ("gorse", "feedback.jsonl", json_of("UserId", "ItemId")),
    "several files": ("folder", "interactions.csv", delimited(
        "user_id,item_id,rating,timestamp\n", ",", quoted=True)),
}  # fmt: skip
"""Reader, file, and how its format writes users and items."""


@pytest.mark.parametrize("name", WRITERS)
@small
@given(valid_ids)
@example([name for name in ODD if id_problem(name) is None])
def test_any_valid_id_comes_back_from_every_format(
    tmp_path: Path, name: str, names: list[str]
) -> None:
    use, file, write_rows = WRITERS[name]
    rows = [(u, i) for u, i in zip(names, reversed(names), strict=True) if "::" not in f"{u}:{i}:"]
    if not rows:
        return
    content = write_rows(rows).encode()
    for old in tmp_path.iterdir():
        old.unlink()
    path = tmp_path / file
    path.write_bytes(gzip.compress(content, 1) if file.endswith(".gz") else content)
    if use == "movielens" and not file.endswith("csv"):
        items = {"u.data": ("u.item", "1|a\n"), "ratings.dat": ("movies.dat", "1::a::b\n")}[file]
        (tmp_path / items[0]).write_text(items[1])
    settings = {}
    if name == "several files":
        more = write_rows([(u, f"{i}x") for u, i in rows])
        (tmp_path / "more.csv").write_text(more, encoding="utf-8", newline="")
        settings = {"interactions": [path.name, "more.csv"]}
        rows = [*rows, *((u, f"{i}x") for u, i in rows)]
    tables = find_class("data", use)(**settings).read(tmp_path, {})
    assert tables.events.select("user", "item").rows() == rows


@settings(small, max_examples=8)
@given(valid_ids)
@example([name for name in ODD if id_problem(name) is None])
def test_any_valid_id_comes_back_from_frames_and_a_bundle(tmp_path: Path, names: list[str]) -> None:
    events = {"user_id": [u for u in names for _ in range(4)],
              "item_id": [i for _ in names for i in (names[0], names[1], "x", "y")]}  # fmt: skip
    data = Dataset.from_frames(events)
    assert set(data.users) == set(names)
    bundle = polyrec.run(data, recommend="popular", progress=silent)
    loaded = Bundle.load(bundle.save(tmp_path / "bundle"))
    assert (loaded.users, loaded.ids) == (data.users, data.catalog.ids)
    assert set(loaded.ids) == {names[0], names[1], "x", "y"}
    assert loaded.recommend([names[1]], k=1).ids


@small
@given(valid_ids)
@example([name for name in ODD if id_problem(name) is None])
def test_any_valid_id_is_a_user_and_an_item_of_a_data_set(tmp_path: Path, names: list[str]) -> None:
    rows = [(user, item) for user in names for item in [*names[:2], "x", "y", "z"]]
    config = DataConfig(path=write(tmp_path, ".csv", rows))
    dataset = load_dataset(config, weights={}, seed=0)
    assert set(dataset.users) == set(names)
    assert set(dataset.catalog.ids) == {*names[:2], "x", "y", "z"}


@pytest.mark.parametrize("number", ["7", "1.10", "1e5", "-0", "1E400", "12345678901234567890"])
def test_numbers_in_json_keep_their_digits(tmp_path: Path, number: str) -> None:
    lines = f'{{"user_id": {number}, "item_id": "i"}}\n{{"user_id": "u", "item_id": {number}}}\n'
    (tmp_path / "interactions.jsonl").write_text(lines)
    assert FolderReader().read(tmp_path, {}).events.rows() == [(number, "i"), ("u", number)]


def texts_of(values: pl.Series) -> list[str | None]:
    return ids_to_text(values, TableSource("x.parquet"), "user").to_list()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pl.Series([7, None, -3]), ["7", None, "-3"]),
        (pl.Series([2**64 - 1], dtype=pl.UInt64), ["18446744073709551615"]),
        (pl.Series(["1.10", "1.1"]).cast(pl.Decimal(10, 2)), ["1.10", "1.10"]),
        (pl.Series(["b", "a", "b"], dtype=pl.Categorical), ["b", "a", "b"]),
        (pl.Series(["b", "a"], dtype=pl.Enum(["a", "b"])), ["b", "a"]),
        (pl.Series([b"a", "é".encode()]), ["a", "é"]),
        (pl.Series(["", "x", None]), [None, "x", None]),
        (pl.Series([None, None]), [None, None]),
    ],
)
def test_ids_of_parquet_become_text(values: pl.Series, expected: list) -> None:
    assert texts_of(values) == expected


@pytest.mark.parametrize(
    "values", [[7.0, None], [True], [["a"]], [{"a": 1}], [b"\xff"], [date(2024, 1, 1)]]
)
def test_what_is_no_id_is_refused_with_a_remedy(values: list) -> None:
    with pytest.raises(DataError, match=r"x\.parquet, column 'user': not ids: .*; store ids as"):
        texts_of(pl.Series(values))


def test_ids_are_numbered_by_size_or_by_letters() -> None:
    for values, ids in ((["10", "9", "10"], ["9", "10"]), (["10", "9", "09"], ["09", "10", "9"])):
        column = IdColumn.of(pl.Series(values), TableSource(), "user")
        assert column.ids().to_list() == ids
        assert [ids[row] for row in column.rows(column.ids())] == values


def test_texts_with_equal_hashes_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pl.Series, "hash", lambda values: pl.Series([7] * len(values)))
    column = IdColumn.of(pl.Series(["b", "a", "b", "c"]), TableSource(), "user")
    assert column.rows(column.ids()).tolist() == [1, 0, 1, 2]


def test_the_format_changes_nothing(tmp_path: Path) -> None:
    rows = [(str(user), str(item)) for user in (2, 10, 9, 1) for item in (11, 5, 100, 7)]
    prints = set()
    for suffix in (".csv", ".jsonl", ".parquet", "ints"):
        folder = tmp_path / suffix.strip(".")
        folder.mkdir()
        write(folder, suffix.replace("ints", ".parquet"), rows)
        if suffix == "ints":
            file = folder / "interactions.parquet"
            pl.read_parquet(file).cast(pl.Int32).write_parquet(file)
        loaded = load_dataset(DataConfig(path=folder), weights={}, seed=0)
        assert loaded.users == ("1", "2", "9", "10")
        prints.add(loaded.fingerprint)
    assert len(prints) == 1


def test_ids_that_look_like_mistakes_are_named() -> None:
    odd = pl.Series(["nan", "None", "a", " a", "NA", "007"])
    findings = {f.what: f.examples for f in id_findings(odd, "item")}
    assert findings == {
        "item ids that differ from others in white space only": ("' a'",),
        "item ids that look like a missing value": ("nan", "None"),
    }


def test_an_invalid_id_is_refused_with_its_line() -> None:
    source = TableSource("x.csv", {"user": "who"}, line=lambda row: f"line {row + 2}")
    with pytest.raises(DataError, match=r"x\.csv line 3, column 'who': 2 invalid user ids"):
        IdColumn.of(pl.Series(["a", "tab\there", "tab\there", ".."]), source, "user")


@given(any_text)
@example("..")
@example("x" * 257)
def test_the_vectorised_rule_is_the_rule_of_the_service(name: str) -> None:
    assert invalid_ids(pl.Series([name])).to_list() == [id_problem(name) is not None]
