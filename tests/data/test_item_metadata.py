"""What a catalogue knows of its items arrives whole: in bundles, and after a reload."""

import json
from contextlib import nullcontext
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from polyrec.config import DataConfig, parse_config
from polyrec.data.item_metadata import Columns, MetadataReader
from polyrec.data.load import build_dataset, load_dataset, read_catalog
from polyrec.errors import DataError
from polyrec.serve.api.schemas import check_id
from polyrec.source_tables import SourceTables
from polyrec.types import ItemMetadata


def read_metadata(items: pl.DataFrame, columns: Columns) -> list[ItemMetadata]:
    return MetadataReader(items).read(columns)


EVENTS = "user_id,item_id,split\nu,a,train\nv,a,train\nu,b,test\n"


def dataset(folder: Path, items: str, **columns: object):
    (folder / "interactions.csv").write_text(EVENTS, encoding="utf-8")
    (folder / "items.csv").write_text(items, encoding="utf-8")
    return load_dataset(DataConfig(path=folder, columns=columns), weights={}, seed=0)


def test_columns_become_metadata_of_the_catalogue(tmp_path: Path) -> None:
    items = (
        "item_id,title,shelf,genre,brand,eur,since,blurb\n"
        'a,A,film|old,drama|sad,Acme,12.5,2024-05-01,"Long, and sad"\n'
        "b,B,,,,,,\n"
    )
    catalog = dataset(
        tmp_path, items, categories="shelf", labels=["genre", "brand"], price="eur", added="since",
        description=["title", "blurb"],
    ).catalog  # fmt: skip
    labels = {"genre": ["drama", "sad"], "brand": "Acme", "price": 12.5}
    assert catalog.metadata == (
        ItemMetadata(("film", "old"), labels, 1_714_521_600, "A\nLong, and sad"),
        ItemMetadata(description="B"),
    )


def test_brand_and_numbers_are_labels_that_a_service_filters_by(tmp_path: Path) -> None:
    items = 'item_id,maker,eur,stock,year\na,Acme,"12,5",3,1999\nb,,-,,\n'
    columns = {"brand": "maker", "price": "eur", "numbers": ["stock", "year"]}
    catalog = dataset(tmp_path, items, **columns).catalog
    labels = {"brand": "Acme", "price": 12.5, "stock": 3, "year": 1999}
    assert [row.labels for row in catalog.metadata] == [labels, None]
    with pytest.raises(DataError, match="line 2, column 'maker': not a number: received 'Acme'"):
        dataset(tmp_path, items, numbers="maker")


def test_items_of_events_alone_have_blank_metadata(tmp_path: Path) -> None:
    catalog = dataset(tmp_path, "item_id,genre\na,x\n", labels="genre").catalog
    assert [row.labels for row in catalog.metadata] == [{"genre": "x"}, None]
    assert dataset(tmp_path, "item_id,genre\na,x\n").catalog.metadata == ()


def test_cells_may_be_lists_json_or_text() -> None:
    items = pl.DataFrame({
        "listed": [["x", "y"], None],
        "json": ['["x", "y"]', "[not json"],
        "Labels": ['{"genre": ["x"], "pages": 3}', "x|y"],
        "year": ["1994", "2001"],
    })  # fmt: skip
    (first, second) = read_metadata(items, {"categories": "listed", "labels": "Labels"})
    assert (first.categories, first.labels) == (("x", "y"), {"genre": ["x"], "pages": 3})
    assert (second.categories, second.labels) == ((), ["x", "y"])
    first, second = read_metadata(items, {"labels": ("json", "year")})
    assert first.labels == {"json": ["x", "y"], "year": 1994.0}
    assert second.labels == {"json": "[not json", "year": 2001.0}


def test_tags_with_a_price_stay_tags() -> None:
    items = pl.DataFrame({"labels": ["x|y", None], "eur": [None, 2]})
    tagged, priced = read_metadata(items, {"labels": "labels", "price": "eur"})
    assert (tagged.labels, priced.labels) == (["x", "y"], {"price": 2.0})
    (both,) = read_metadata(pl.DataFrame({"labels": ["x"], "eur": [2]}),
                            {"labels": "labels", "price": "eur"})  # fmt: skip
    assert both.labels == {"": "x", "price": 2.0}


def test_gorse_exports_bring_categories_labels_and_times(tmp_path: Path) -> None:
    feedback = [{"FeedbackType": "like", "UserId": u, "ItemId": i}
                for u, i in (("u", "a"), ("v", "a"), ("u", "b"), ("v", "b"))]  # fmt: skip
    items = [
        {"ItemId": "a", "IsHidden": False, "Categories": ["film"], "Comment": "A", "Shelf": "A",
         "Labels": {"genre": ["x"]}, "Timestamp": "2024-05-01T00:00:00Z"},
        {"ItemId": "b", "IsHidden": False, "Categories": [], "Comment": "B", "Shelf": "B",
         "Labels": {"price": 2.5}, "Timestamp": "0001-01-01T00:00:00Z"},
    ]  # fmt: skip
    for name, rows in (("feedback", feedback), ("items", items)):
        lines = "\n".join(json.dumps(row) for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    config = DataConfig(use="gorse", path=tmp_path)
    catalog = read_catalog(config)
    assert catalog.metadata == (
        ItemMetadata(("film",), {"genre": ["x"]}, 1_714_521_600),
        ItemMetadata((), {"price": 2.5}),
    )
    renamed = config.model_copy(update={"columns": {"categories": "Shelf"}})
    catalog = read_catalog(renamed)
    assert [row.categories for row in catalog.metadata] == [("A",), ("B",)]
    assert catalog.metadata[0].labels == {"genre": ["x"]}


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        ({"price": "genre"}, "items.csv line 2, column 'genre': not a number: received 'drama'"),
        ({"added": "genre"}, "items.csv line 2, column 'genre': not a time: received 'drama'"),
        ({"labels": "gener"}, "no column 'gener'.*did you mean 'genre'"),
        ({"categories": "long"}, "an invalid category"),
    ],
)
def test_columns_that_do_not_fit_are_refused(tmp_path: Path, columns: dict, match: str) -> None:
    with pytest.raises(DataError, match=match):
        dataset(tmp_path, f"item_id,genre,long\na,drama,{'x' * 300}\nb,,\n", **columns)


@given(st.text(min_size=1, max_size=300), st.sampled_from(["user", "item", "kind"]))
@example("tab\there", "item")
@example("..", "user")
@example("x" * 300, "item")
@example(" ", "kind")
def test_training_and_service_take_the_same_ids(text: str, column: str) -> None:
    events = {"user": ["u", "u", "v"], "item": ["a", "b", "a"], "kind": ["k"] * 3,
              "split": ["train", "test", "train"]}  # fmt: skip
    events[column] = [text, text, "other"]
    weights = dict.fromkeys(events["kind"], 1.0)
    config = parse_config({"data": {"path": "."}}, folder=Path()).data
    try:
        check_id(text)
        valid = True
    except ValueError:
        valid = False
    tables = SourceTables(pl.DataFrame(events))
    refused = nullcontext() if valid else pytest.raises(DataError, match=f"invalid {column} ids")
    with refused:
        build_dataset(tables, config, weights=weights, seed=0)
