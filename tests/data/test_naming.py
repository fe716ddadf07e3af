"""Files and columns may have any names; a column may serve two purposes; media may lie deeper."""

from pathlib import Path

import polars as pl
import pytest

from polyrec.config import DataConfig, parse_config
from polyrec.data.load import Dataset, load_dataset, read_tables
from polyrec.errors import CombinedDataError, ConfigError, DataError
from polyrec.types import Finding

ORDERS = "customer;sku;when\n" + "".join(
    f"c{c};{s};{day + 13}.03.2024\n" for c in range(3) for day, s in enumerate(["007", "7", "08"])
)
PRODUCTS = "product,name,photo\n007,Lamp,lamp.jpg\n7,Chair,chair.jpg\n08,Desk,\n"
PRICES = "sku;price;name\n7;19,90;chair\n007;5,00;lamp\n99;1,00;gone\n"
COLUMNS = {"user": "customer", "item": ["sku", "product"], "time": "when", "title": "name"}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for name, content in (("orders", ORDERS), ("products", PRODUCTS), ("prices", PRICES)):
        (tmp_path / f"{name}.csv").write_text(content, encoding="utf-8")
    return tmp_path


def load(folder: Path, **data: object) -> Dataset:
    tree = {"interactions": "orders.csv", "columns": COLUMNS, **data}
    return load_dataset(parse_config({"data": tree}, folder=folder).data, weights={}, seed=0)


def finding(loaded: Dataset, what: str) -> Finding | None:
    return next((f for f in loaded.validation.findings if what in f.what), None)


def test_files_and_columns_have_any_names(shop: Path) -> None:
    loaded = load(shop, items="products.csv", text=["name"])
    catalog = loaded.catalog
    assert (catalog.ids, catalog.titles) == (("007", "7", "08"), ("Lamp", "Chair", "Desk"))
    assert catalog.contents["text"] == ["Lamp", "Chair", "Desk"]
    assert [file["file"] for file in loaded.validation.counts["files"]] == [
        "orders.csv", "products.csv",
    ]  # fmt: skip


def test_items_of_several_files_are_joined_on_their_ids(shop: Path) -> None:
    loaded = load(shop, items=["products.csv", "prices.csv"], text=["price", "name", "prices.name"])
    assert loaded.catalog.contents["text"] == [
        "5,00\nLamp\nlamp",
        "19,90\nChair\nchair",
        "Desk",
    ]
    lost = finding(loaded, "rows of prices.csv without an item")
    assert (lost.count, lost.examples) == (1, ("99",))
    (shop / "prices.csv").write_text(PRICES + "7;3,00;again\n")
    with pytest.raises(
        DataError, match=r"prices\.csv has several rows for one item: received \['7'\]"
    ):
        load(shop, items=["products.csv", "prices.csv"])


def test_a_name_means_the_file_s_column_before_ours(tmp_path: Path) -> None:
    (tmp_path / "interactions.csv").write_text("user_id,sku\n" + "".join(f"u,{n}\n" for n in "abc"))
    (tmp_path / "items.csv").write_text("sku,item,title,name\na,x,y,z\n")
    config = DataConfig(
        path=tmp_path, columns={"item": "sku", "title": "name"}, text=("item", "title")
    )
    catalog = load_dataset(config, weights={}, seed=0).catalog
    assert catalog.ids[0] == "a"
    assert catalog.titles[0] == "z"
    assert catalog.contents["text"][0] == "x\ny"


def test_what_is_wrong_is_said_at_once(shop: Path) -> None:
    with pytest.raises(CombinedDataError) as caught:
        load(shop, items="products.csv", columns={"user": "client", "item": "sku", "time": "at"})
    assert str(caught.value).splitlines() == [
        "3 errors in the data:",
        "- orders.csv has no column 'client' for the user: received 'customer, sku, when'; "
        "set data.columns.user",
        "- orders.csv has no column 'at' for the time: received 'customer, sku, when'; "
        "set data.columns.time",
        "- products.csv has no column 'sku' for the item: received 'product, name, photo'; "
        "set data.columns.item",
    ]  # fmt: skip


def test_all_bad_cells_are_said_at_once(shop: Path) -> None:
    (shop / "orders.csv").write_text("customer,sku,when,stars,split\na,7,soon,many,later\n")
    with pytest.raises(CombinedDataError) as caught:
        load(shop, min_rating=4, columns={**COLUMNS, "rating": "stars"}, items="products.csv")
    assert [error.what for error in caught.value.errors] == [
        "orders.csv line 2, column 'when': not a time",
        "orders.csv line 2, column 'stars': not a number",
        "orders.csv line 2, column 'split': unknown split",
    ]
    with pytest.raises(CombinedDataError, match=r"received '.*gone\.csv'(.|\n)*'.*away\.csv'"):
        load(shop, items=["gone.csv", "away.csv"])


def test_contents_that_are_not_there_are_said_at_once(shop: Path) -> None:
    with pytest.raises(CombinedDataError, match=r"no column 'nam'(.|\n)*no column 'picture'"):
        load(shop, items="products.csv", text=["nam"], image="picture")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"usr": "customer"}, "unknown data.columns key: received 'usr'; did you mean 'user'?"),
        ({"title": "name"}, "no items table for data.columns.title"),
        ({"item": ["a", "b"]}, "orders.csv has no column 'a' or 'b' for the item"),
    ],
)
def test_a_mapping_that_fits_nothing_is_refused(shop: Path, columns: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(shop, columns={**{k: v for k, v in COLUMNS.items() if k != "title"}, **columns})


def test_columns_of_one_name_are_refused_where_they_are_used(tmp_path: Path) -> None:
    (tmp_path / "interactions.csv").write_text(
        "user_id,item_id,note,note\nu,a,1,2\nu,b,1,2\nu,c,,\n"
    )
    load_dataset(DataConfig(path=tmp_path), weights={}, seed=0)
    with pytest.raises(DataError, match=r"interactions\.csv has several columns 'note'"):
        load_dataset(DataConfig(path=tmp_path, columns={"weight": "note"}), weights={}, seed=0)


def test_two_files_of_interactions_are_not_chosen_between(shop: Path) -> None:
    for suffix in ("csv", "jsonl"):
        (shop / f"interactions.{suffix}").write_text("user_id,item_id\n")
    with pytest.raises(
        DataError, match=r"several files of interactions: received 'interactions\.csv, "
    ):
        load_dataset(DataConfig(path=shop), weights={}, seed=0)
    for suffix in ("csv", "jsonl"):
        (shop / f"interactions.{suffix}").unlink()
    with pytest.raises(DataError, match=r"received 'orders\.csv.*; set data\.interactions"):
        load_dataset(DataConfig(path=shop), weights={}, seed=0)


def test_only_the_folder_reader_takes_names(shop: Path) -> None:
    with pytest.raises(ConfigError, match="data: unknown setting: received 'interactions'"):
        read_tables(DataConfig(use="movielens", path=shop, interactions="orders.csv"))


def test_media_are_found_below_their_root(shop: Path) -> None:
    for name in ("a/lamp.jpg", "a/b/chair.jpg", "desk.jpg"):
        path = shop / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    home = (shop / "pictures").resolve()
    loaded = load(shop, items="products.csv", image="photo", media_root="pictures")
    assert loaded.catalog.contents["image"] == [
        home / "a" / "lamp.jpg", home / "a" / "b" / "chair.jpg", None,
    ]  # fmt: skip
    assert finding(loaded, "image files found by their names").count == 2
    (home / "b").mkdir()
    (home / "b" / "lamp.jpg").write_bytes(b"y")
    loaded = load(shop, items="products.csv", image="photo", media_root="pictures")
    assert finding(loaded, "image names of several files").examples == ("lamp.jpg",)
    (shop / "products.csv").write_text(
        PRODUCTS.replace("lamp.jpg", "b/lamp.jpg").replace("chair", "../chair")
    )
    loaded = load(shop, items="products.csv", image="photo", media_root="pictures")
    assert loaded.catalog.contents["image"][0] == home / "b" / "lamp.jpg"
    assert finding(loaded, "image paths outside").examples == ("../chair.jpg",)


def test_names_may_lack_the_suffix_and_differ_in_capitals(shop: Path) -> None:
    for name in ("pictures/007.JPG", "pictures/7.png", "sounds/007.mp3"):
        (shop / name).parent.mkdir(exist_ok=True)
        (shop / name).write_bytes(b"x")
    loaded = load(shop, items="products.csv", image="product", audio="product",
                  max_missing={"media": 0.7})  # fmt: skip
    home = shop.resolve()
    pictures = [home / "pictures" / name for name in ("007.JPG", "7.png")]
    assert loaded.catalog.contents["image"][:2] == pictures
    assert loaded.catalog.contents["audio"][0] == home / "sounds" / "007.mp3"
    named = PRODUCTS.replace("lamp.jpg", r"pictures\007.jpg")  # as Windows writes paths
    (shop / "products.csv").write_text(named)
    loaded = load(shop, items="products.csv", image="photo")
    assert loaded.catalog.contents["image"][0] == pictures[0]


@pytest.mark.parametrize(
    ("files", "names", "message"),
    [
        ([], ["lamp.jpg", "chair.jpg"],
         "2 of 2 image files are missing: received \"'lamp.jpg', below .*; there is no image below "
         "this folder: set data.media_root to their folder; data.max_missing.media is"),
        (["pictures/lamp.jpg"], ["img/lamp.jpg", "img/chair.jpg"],
         "files of these names are in 'pictures': write paths as from data.media_root on"),
        (["pictures/lamp.jpg"], ["lamp.jpg", "chair.jpg", "desk.jpg"],
         "2 of 3 image files are missing: .*'chair.jpg'.* no image has such a name: check data"),
        (["a/lamp.jpg", "b/lamp.jpg"], ["lamp.jpg", ""],
         "1 of 1 image files .* several files have these names: write their folders, too"),
        (["lamp.jpg"], ["/var/lamp.jpg"], "the paths are outside the folder: set data.media_root"),
    ],
)  # fmt: skip
def test_more_than_half_of_the_media_missing_is_an_error_with_its_cause(
    shop: Path, files: list[str], names: list[str], message: str
) -> None:
    for file in files:
        (shop / file).parent.mkdir(exist_ok=True)
        (shop / file).write_bytes(b"x")
    rows = "".join(f"{i},{name}\n" for i, name in zip(["007", "7", "08"], names, strict=False))
    (shop / "products.csv").write_text("product,photo\n" + rows)
    settings = {
        "items": "products.csv", "image": "photo", "columns": {**COLUMNS, "title": "product"},
    }  # fmt: skip
    with pytest.raises(DataError, match=message):
        load(shop, **settings)
    assert len(load(shop, **settings, max_missing={"media": 1}).catalog) == 3


def test_the_config_s_folder_is_the_data_s_where_a_file_is_named(shop: Path) -> None:
    config = parse_config({"data": {"interactions": "orders.csv"}}, folder=shop)
    assert config.data.path == shop.resolve()
    with pytest.raises(ConfigError, match=r"data\.path is required"):
        parse_config({"data": {"columns": {}}}, folder=shop)
    with pytest.raises(ConfigError, match=r"data\.dialect\.\*\.seperator"):
        parse_config({"data": {"path": "x", "dialect": {"seperator": ";"}}}, folder=shop)
    with pytest.raises(ConfigError, match="use a name such as utf-8"):
        parse_config({"data": {"path": "x", "dialect": {"encoding": "latin9000"}}}, folder=shop)


def test_text_of_parquet_is_what_the_cells_say(tmp_path: Path) -> None:
    pl.DataFrame({"user_id": [1, 1, 1], "item_id": [1, 2, 3]}).write_parquet(
        tmp_path / "interactions.parquet"
    )
    pl.DataFrame({
        "item_id": ["1", "2", "3"], "tags": [["x", "y"], [], None],
        "price": [1.5, float("nan"), None], "year": [1999, None, 3], "new": [True, None, False],
        "size": [{"w": 1}, None, None],
    }).write_parquet(tmp_path / "items.parquet")  # fmt: skip
    config = DataConfig(path=tmp_path, text=("tags", "price", "year", "new", "size"))
    text = load_dataset(config, weights={}, seed=0).catalog.contents["text"]
    assert text == ['x, y\n1.5\n1999\ntrue\n{"w":1}', None, "3\nfalse"]


LIKES = "user,track,liked_at\n" + "".join(
    f"u{u},t{n},2024-01-1{n}\n" for u in range(3) for n in range(3)
)
SALES = "who;product;on;stars\n" + "".join(f"u{u};t{u + 1};170000000{u};5\n" for u in range(3))
ACTIONS = {"user": ["user", "who"], "item": ["track", "product"], "time": ["liked_at", "on"]}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    for name, content in (("likes", LIKES), ("sales", SALES)):
        (tmp_path / f"{name}.csv").write_text(content, encoding="utf-8")
    return tmp_path


def load_log(folder: Path, interactions: object, **columns: object) -> Dataset:
    tree = {"interactions": interactions, "columns": ACTIONS | columns}
    config = parse_config({"data": {**tree, "kinds": {"like": 1, "sale": 4}}}, folder=folder)
    return load_dataset(config.data, weights=config.weights, seed=0)


def test_files_of_events_are_joined_with_their_kinds(log: Path) -> None:
    loaded = load_log(log, {"likes.csv": "like", "sales.csv": "sale"}, rating="stars")
    assert loaded.validation.counts["kinds"] == {"like": 9, "sale": 3}
    assert loaded.validation.counts["time_range"] == [
        "2023-11-14T22:13:20+00:00", "2024-01-12T00:00:00+00:00",
    ]  # fmt: skip
    assert [file["file"] for file in loaded.validation.counts["files"]] == [
        "likes.csv", "sales.csv",
    ]  # fmt: skip
    listed = load_log(log, ["likes.csv", "sales.csv"])
    assert listed.kinds == ("event",)
    assert listed.validation.counts["events"] == 12 - 3 + 1  # t1 of u0, t2 of u1: once per pair


def test_parts_of_a_log_are_that_log(log: Path) -> None:
    lines = LIKES.splitlines(keepends=True)
    columns = {"user": "user", "item": "track", "time": "liked_at"}
    (log / "first.csv").write_text("".join(lines[:5]), encoding="utf-8")
    (log / "second.csv").write_text("".join([lines[0], *lines[5:]]), encoding="utf-8")
    pl.read_csv(log / "second.csv", try_parse_dates=True).write_parquet(log / "third.parquet")
    prints = {
        load(log, interactions=files, columns=columns).fingerprint
        for files in ("likes.csv", ["first.csv", "second.csv"], ["first.csv", "third.parquet"])
    }
    assert len(prints) == 1


def test_errors_name_the_file_of_joined_events(log: Path) -> None:
    (log / "sales.csv").write_text(SALES + "u1;t1;soon;5\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"sales\.csv line 5, column 'on': not a number.*'soon'"):
        load_log(log, ["likes.csv", "sales.csv"])
    stars = SALES.replace(";5\n", ";x\n")
    (log / "sales.csv").write_text(stars, encoding="utf-8")
    with pytest.raises(
        DataError, match=r"the events in sales\.csv line 2, column 'stars': not a n"
    ):
        load_log(log, ["likes.csv", "sales.csv"], weight="stars")
    with pytest.raises(DataError, match=r"sales\.csv has no column 'user' or 'track' for the user"):
        load_log(log, ["likes.csv", "sales.csv"], user=["user", "track"])
    with pytest.raises(DataError, match="no column 'vote' for the rating"):
        load_log(log, ["likes.csv", "sales.csv"], rating="vote")
    with pytest.raises(DataError, match=r"kinds of events are named twice: received .*stars"):
        load_log(log, {"likes.csv": "like", "sales.csv": "sale"}, kind="stars")


def test_times_of_joined_files_are_read_as_one_where_a_file_is_ambiguous(log: Path) -> None:
    for name, month in (("early", 1), ("late", 2)):
        rows = [
            f"u{n % 4},{name}{n},{month:02}/{9 + n if month == 2 else 9:02}/2024" for n in range(9)
        ]
        (log / f"{name}.csv").write_text("\n".join(["user,track,liked_at", *rows, ""]))
    loaded = load_log(log, ["early.csv", "late.csv"])
    assert loaded.validation.counts["time_range"][0].startswith("2024-01-09")
    with pytest.raises(DataError, match="an ambiguous date: received '01/09/2024: 1 Sep or 9 Jan'"):
        load_log(log, ["early.csv", "likes.csv"])
    tree = {"interactions": ["early.csv", "likes.csv"], "columns": ACTIONS}
    config = parse_config({"data": tree | {"time_format": "%m/%d/%Y"}}, folder=log).data
    assert load_dataset(config, weights={}, seed=0).validation.counts["events"] == 18
