"""Every format of the field is read; what is wrong with a file is said."""

import gzip
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from polyrec.config import DataConfig
from polyrec.data.load import load_dataset
from polyrec.errors import DataError
from polyrec.registry import find_class, registered_parts


def lines(path: Path, *rows: str) -> None:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def json_lines(path: Path, rows: list[dict]) -> None:
    lines(path, *(json.dumps(row) for row in rows))


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_folder_reads_each_kind_of_table(tmp_path: Path, suffix: str) -> None:
    events = pl.DataFrame({"user_id": ["a", "b"], "item_id": [1, 2], "timestamp": [5, 6]})
    items = pl.DataFrame({"item_id": [2, 1], "title": ["Two", "One"]})
    for name, table in (("interactions", events), ("items", items)):
        path = tmp_path / f"{name}.{suffix}"
        {"csv": table.write_csv, "parquet": table.write_parquet, "jsonl": table.write_ndjson}[
            suffix
        ](path)
    tables = find_class("data", "folder")().read(tmp_path, {})
    rows = tables.events.select(pl.col("user", "item", "time").cast(pl.String)).rows()
    assert rows == [("a", "1", "5"), ("b", "2", "6")]
    assert tables.items["title"].to_list() == ["Two", "One"]


def test_recbole_reads_typed_headers(tmp_path: Path) -> None:
    lines(
        tmp_path / "x.inter",
        "user_id:token\titem_id:token\trating:float\ttimestamp:float",
        "u\ti\t4.5\t10",
    )
    lines(
        tmp_path / "x.item",
        "item_id:token\ttitle:token_seq\tyear:float",
        'i\tA "quoted title\t1999',
    )
    tables = find_class("data", "recbole")().read(tmp_path, {})
    assert tables.events.rows() == [("u", "i", "10", "4.5")]
    assert tables.items.rows() == [("i", 'A "quoted title', "1999")]


def test_recbole_without_header_is_refused(tmp_path: Path) -> None:
    lines(tmp_path / "x.inter", "u1\ti1\t4", "u2\ti2\t5")
    with pytest.raises(DataError, match=r"x\.inter has no header of name:type: received 'u1'"):
        find_class("data", "recbole")().read(tmp_path, {})


def test_recbole_refuses_a_broken_number_only_if_it_is_used(tmp_path: Path) -> None:
    lines(tmp_path / "x.inter", "user_id:token\titem_id:token\trating:float", "u\ti\tgood",
          "u\tj\t4", "u\tk\t5")  # fmt: skip
    loaded = load_dataset(DataConfig(use="recbole", path=tmp_path), weights={}, seed=0)
    finding = next(f for f in loaded.validation.findings if "not numbers" in f.what)
    assert finding.examples == ("'good' (line 2)",)
    config = DataConfig(use="recbole", path=tmp_path, min_rating=4)
    with pytest.raises(DataError, match=r"x\.inter line 2, column 'rating': not a number"):
        load_dataset(config, weights={}, seed=0)


def test_mmrec_reads_labels_as_splits_and_features_beside(tmp_path: Path) -> None:
    lines(tmp_path / "baby.inter", "userID\titemID\trating\ttimestamp\tx_label",
          "0\t0\t5\t1\t0", "0\t2\t5\t2\t1", "1\t1\t4\t3\t2", "1\t0\t4\t3\t0")  # fmt: skip
    np.save(tmp_path / "text_feat.npy", np.eye(4, dtype=np.float32))
    loaded = load_dataset(DataConfig(use="mmrec", path=tmp_path), weights={}, seed=0)
    dataset = loaded
    assert (len(dataset.train), len(dataset.valid), len(dataset.test)) == (2, 1, 1)
    assert dataset.catalog.ids == ("0", "1", "2", "3")
    assert dataset.catalog.content("text")[2].tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize("layout", ["csv", "100k", "1m"])
def test_movielens_reads_its_three_layouts(tmp_path: Path, layout: str) -> None:
    if layout == "csv":
        lines(tmp_path / "ratings.csv", "userId,movieId,rating,timestamp", "1,10,4.0,99")
        lines(tmp_path / "movies.csv", "movieId,title,genres", "10,Heat (1995),Action")
    elif layout == "100k":
        lines(tmp_path / "u.data", "1\t10\t4\t99")
        (tmp_path / "u.item").write_bytes("10|Les Misérables|01-Jan-1995|\n".encode("latin-1"))
    else:
        lines(tmp_path / "ratings.dat", "1::10::4::99")
        lines(tmp_path / "movies.dat", "10::Heat (1995)::Action")
    tables = find_class("data", "movielens")().read(tmp_path, {})
    row = tables.events.select(pl.col("user", "item", "rating", "time").cast(pl.Float64)).row(0)
    assert row == (1, 10, 4, 99)
    assert tables.items["title"][0] in ("Heat (1995)", "Les Misérables")


@pytest.mark.parametrize("layout", ["100k", "1m"])
def test_movielens_reads_its_users_where_labels_are_named(tmp_path: Path, layout: str) -> None:
    if layout == "100k":
        lines(tmp_path / "u.data", *(f"{u}\t{i}\t4\t99" for u in (1, 2) for i in range(4)))
        lines(tmp_path / "u.item", *(f"{i}|Film|01-Jan-1995|" for i in range(4)))
        lines(tmp_path / "u.user", "1|24|M|writer|85711", "2|53|F|other|94043")
    else:
        rows = [f"{u}::{i}::4::99" for u in (1, 2) for i in range(4)]
        lines(tmp_path / "ratings.dat", *rows)
        lines(tmp_path / "movies.dat", *(f"{i}::Film::Action" for i in range(4)))
        lines(tmp_path / "users.dat", "1::M::24::writer::85711", "2::F::53::other::94043")
    columns = {"user_labels": ("age", "gender", "occupation")}
    config = DataConfig(path=tmp_path, use="movielens", columns=columns)
    assert load_dataset(config, weights={}, seed=0).user_labels == (
        {"age": 24, "gender": "M", "occupation": "writer"},
        {"age": 53, "gender": "F", "occupation": "other"},
    )


def test_movielens_reports_missing_files(tmp_path: Path) -> None:
    lines(tmp_path / "other.txt", "x")
    with pytest.raises(DataError, match=r"no MovieLens files: received 'other\.txt'"):
        find_class("data", "movielens")().read(tmp_path, {})
    lines(tmp_path / "u.data", "1 10 4 99")
    with pytest.raises(DataError, match=r"u\.data line 1 lacks columns"):
        find_class("data", "movielens")().read(tmp_path, {})


def test_amazon_reads_both_generations_and_gzip(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
    review = {"reviewerID": "A1", "asin": "B1", "overall": 5.0, "unixReviewTime": 1_400_000_000}
    (old / "reviews_Baby.json.gz").write_bytes(gzip.compress(json.dumps(review).encode()))
    json_lines(
        old / "meta_Baby.json", [{"asin": "B1", "title": "Cot", "categories": ["Baby", "Beds"]}]
    )
    tables = find_class("data", "amazon")().read(old, {})
    assert tables.events.rows() == [("A1", "B1", "5.0", "1400000000")]
    assert tables.items.row(0, named=True) == {
        "asin": "B1",
        "title": "Cot",
        "categories": ["Baby", "Beds"],
    }
    json_lines(
        new / "Baby.jsonl",
        [{"user_id": "U", "parent_asin": p, "timestamp": 1_600_000_000_000} for p in "PQR"],
    )
    loaded = load_dataset(DataConfig(use="amazon", path=new), weights={}, seed=0)
    assert loaded.train.times.tolist() == [1_600_000_000]


def test_amazon_reads_metadata_in_python_notation(tmp_path: Path) -> None:
    json_lines(tmp_path / "reviews.json", [{"reviewerID": "A", "asin": "B1"}])
    lines(tmp_path / "meta.json", """{'asin': 'B1', 'title': "Nan's cot", 'salesRank': None}""")
    tables = find_class("data", "amazon")().read(tmp_path, {})
    assert tables.items["title"].to_list() == ["Nan's cot"]


def test_gorse_reads_feedback_and_leaves_hidden_items_out(tmp_path: Path) -> None:
    json_lines(tmp_path / "feedback.jsonl", [
        {"FeedbackType": "like", "UserId": "u", "ItemId": "a", "Timestamp": "2024-05-01T10:00:00Z"},
        {"FeedbackType": "view", "UserId": "u", "ItemId": "b", "Timestamp": "2024-05-01T11:00:00Z"},
    ])  # fmt: skip
    json_lines(tmp_path / "items.jsonl", [
        {"ItemId": "a", "IsHidden": False, "Categories": ["x"], "Comment": "A"},
        {"ItemId": "b", "IsHidden": True, "Categories": [], "Comment": "B"},
    ])  # fmt: skip
    tables = find_class("data", "gorse")().read(tmp_path, {})
    assert tables.events.select("user", "item", "kind").rows() == [("u", "a", "like")]
    assert tables.items["Comment"].to_list() == ["A"]
    assert [(f.what, f.count) for f in tables.findings] == [
        ("hidden items", 1), ("events of hidden items", 1),
    ]  # fmt: skip


def article(folder: Path, labels: list[int]) -> Path:
    lines(folder / "text_data.csv", "text,item_id,user_id", "one,i1,u1", "two,i2,u1", "one,i1,u2")
    np.save(folder / "image_data.npy", np.arange(3 * 2 * 2 * 3).reshape(3, 2, 2, 3))
    np.save(folder / "labels.npy", np.array(labels))
    return folder


def test_article_turns_pairs_into_items_with_content(tmp_path: Path) -> None:
    tables = find_class("data", "article")().read(article(tmp_path, [1, 0, 1]), {})
    assert tables.events["weight"].to_list() == [1, 0, 1]
    assert tables.items["item_id"].to_list() == ["i1", "i2"]
    assert tables.features["image"].shape == (2, 12)


def test_csv_npy_without_matching_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"labels\.npy has another number of rows: received 2"):
        find_class("data", "article")().read(article(tmp_path, [1, 0]), {})


@pytest.mark.parametrize("name", sorted(registered_parts("data")))
def test_every_reader_reports_a_missing_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="no such data folder"):
        find_class("data", name)().read(tmp_path / "nowhere", {})


@pytest.mark.parametrize("name", sorted(set(registered_parts("data"))))
def test_every_reader_reports_an_empty_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError):
        find_class("data", name)().read(tmp_path, {})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"user,item_id\n1,2\n", "has no column 'user_id' for the user: received 'user, item_id'"),
    ],
)
def test_a_bad_table_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "interactions.csv").write_bytes(content)
    with pytest.raises(DataError) as caught:
        find_class("data", "folder")().read(tmp_path, {})
    assert message in str(caught.value)


def test_columns_are_mapped_by_the_config_alone(tmp_path: Path) -> None:
    lines(tmp_path / "interactions.csv", "who,what", "1,2")
    reader = find_class("data", "folder")()
    assert reader.read(tmp_path, {"user": "who", "item": "what"}).events.columns == ["user", "item"]
    with pytest.raises(DataError, match=r"unknown data\.columns key: received 'usr'"):
        reader.read(tmp_path, {"usr": "who"})
    with pytest.raises(DataError, match="has no column 'when' for the time"):
        reader.read(tmp_path, {"user": "who", "item": "what", "time": "when"})
