"""Data sets from frames of polars, pandas and others, and from matrices: the same as from files."""

import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from polyrec import Dataset
from polyrec.config import DataConfig
from polyrec.data.in_memory.dataframes import to_polars_frame
from polyrec.data.load import load_dataset, read_catalog
from polyrec.errors import ConfigError, DataError
from polyrec.types import id_problem

USERS, ITEMS = 12, 9
EVENTS = {
    "customer": [f"c{u}" for u in range(USERS) for _ in range(5)],
    "sku": [f"0{(u + j) % ITEMS}" for u in range(USERS) for j in range(5)],
    "at": [datetime(2024, 1, 1 + j, u, tzinfo=UTC) for u in range(USERS) for j in range(5)],
    "stars": [float(1 + (u * j) % 5) for u in range(USERS) for j in range(5)],
}
PRODUCTS = {
    "sku": [f"0{i}" for i in range(ITEMS)],
    "name": [f"Thing {i}" for i in range(ITEMS)],
    "tags": [["red", "large"], [], *[["blue"]] * (ITEMS - 2)],
    "price": [1.5, None, *[2.0] * (ITEMS - 2)],
}
HALVES = {"use": "random", "valid": 0, "test": 0.5}
COLUMNS = {"user": "customer", "item": "sku", "time": "at", "rating": "stars", "title": "name"}


class Interchange:
    """A frame of which only the interchange protocol can be used."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame

    def __dataframe__(self) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pandas is about to drop the protocol
            return self.frame.__dataframe__()


class Arrow:
    """A frame of which only the Arrow stream can be used."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame

    def __arrow_c_stream__(self, schema: object = None) -> object:
        return self.frame.__arrow_c_stream__(schema)


LIBRARIES: dict[str, Callable[[dict], Any]] = {
    "polars": pl.DataFrame,
    "lazy": pl.LazyFrame,
    "pandas": lambda columns: pd.DataFrame(columns, index=[3] * len(next(iter(columns.values())))),
    "arrow": lambda columns: Arrow(pl.DataFrame(columns)),
    "dict": dict,
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_frames_of_any_library_give_the_data_set_of_the_files(tmp_path: Path, library: str) -> None:
    pl.DataFrame(EVENTS).write_parquet(tmp_path / "interactions.parquet")
    pl.DataFrame(PRODUCTS).write_parquet(tmp_path / "items.parquet")
    columns = {**COLUMNS, "price": "price", "categories": "tags"}
    config = DataConfig(path=tmp_path, columns=columns, text="tags", min_rating=3)
    files = load_dataset(config, weights={}, seed=7)
    make = LIBRARIES[library]
    frames = Dataset.from_frames(make(EVENTS), make(PRODUCTS), **columns, text="tags", min_rating=3)
    assert frames.fingerprint == files.fingerprint
    assert frames.catalog.titles == files.catalog.titles
    assert frames.catalog.contents == files.catalog.contents
    assert frames.catalog.contents["text"][:2] == ["red, large", None]
    assert frames.catalog.metadata == files.catalog.metadata
    assert frames.catalog.metadata[0].labels == {"price": 1.5}
    assert frames.validation.findings == files.validation.findings


def test_the_interchange_protocol_is_read_by_its_buffers() -> None:
    frame = pd.DataFrame(
        {
            "int": [1, 2, 3], "small": np.array([1, 2, 3], np.uint8), "float": [1.5, np.nan, 3],
            "text": ["é", "", None], "bool": [True, False, True],
            "time": pd.to_datetime(["2020-01-01", None, "2021-01-01"]),
            "zone": pd.to_datetime(["2020-01-01T00:00+02:00"] * 3),
            "category": pd.Categorical(["a", "b", None]),
            "nullable": pd.array([1, None, 3], dtype="Int64"),
        }
    )  # fmt: skip
    for rows in (slice(None), slice(1, None)):
        read, _ = to_polars_frame(Interchange(frame.iloc[rows]), "items")
        own, _ = to_polars_frame(frame.iloc[rows], "items")
        assert read.to_dict(as_series=False) == own.fill_nan(None).to_dict(as_series=False)
    assert read["time"].to_list() == [None, datetime(2021, 1, 1)]  # noqa: DTZ001
    assert read["zone"].to_list() == [datetime(2019, 12, 31, 22)] * 2  # noqa: DTZ001
    assert read["text"].to_list() == ["", None]


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9).filter(
            lambda name: id_problem(name) is None
        ),
        min_size=4,
        max_size=9,
        unique=True,
    )
)
@settings(max_examples=30, deadline=None)
def test_any_text_is_an_id_and_comes_back(names: list[str]) -> None:
    events = pd.DataFrame({"user_id": ["u"] * len(names) + ["v"] * 2, "item_id": names + names[:2]})
    data = Dataset.from_frames(events, split=HALVES)
    assert sorted(data.catalog.ids) == sorted(names)


def test_integers_are_their_digits_also_among_texts() -> None:
    events = pd.DataFrame({"user_id": [1, 1, 1, 2, 2, 2], "item_id": [7, "7", "07", 7, "07", 8]})
    data = Dataset.from_frames(events, split=HALVES)
    assert data.catalog.ids == ("07", "7", "8")
    assert data.users == ("1", "2")


def test_a_matrix_has_rows_as_users_and_columns_as_items() -> None:
    matrix = sparse.random(20, 15, 0.4, random_state=1, format="csr")
    plain = Dataset.from_frames(matrix)
    assert plain.catalog.ids == tuple(map(str, range(15)))
    total = sum(part.matrix() for part in plain.behaviour.values())
    rows = [int(user) for user in plain.users]
    assert np.allclose(total.toarray(), matrix.toarray()[rows])
    items = {"item_id": [f"i{k}" for k in range(15)], "title": [f"T{k}" for k in range(15)]}
    users = pd.DataFrame({"user_id": [f"u{k}" for k in range(20)]})
    named = Dataset.from_frames(sparse.coo_matrix(matrix), items, users)
    assert named.catalog.titles == tuple(items["title"])
    row = named.users.index("u3")
    total = sum(part.matrix() for part in named.behaviour.values())
    assert np.allclose(total.toarray()[row], matrix.toarray()[3])


def test_labels_of_users_are_kept() -> None:
    users = {"customer": [f"c{u}" for u in range(USERS)], "city": ["Rome", "Oslo"] * (USERS // 2)}
    columns = COLUMNS | {"user_labels": "city"}
    data = Dataset.from_frames(EVENTS, PRODUCTS, users, **columns)
    cities = dict(zip(users["customer"], users["city"], strict=True))
    assert data.user_labels == tuple({"city": cities[user]} for user in data.users)
    matrix = sparse.csr_array(np.ones((USERS, ITEMS)))
    named = {"user": "customer", "user_labels": "city"}
    assert Dataset.from_frames(matrix, None, users, **named).user_labels == data.user_labels
    with pytest.raises(DataError, match="users= has no column 'customer' for the user"):
        Dataset.from_frames(EVENTS, PRODUCTS, {"user_id": ["c1"]}, **COLUMNS)


def test_features_and_media_in_memory(jpeg: bytes) -> None:
    rows = np.eye(ITEMS, dtype=np.float32)
    products = {**PRODUCTS, "photo": [jpeg, None, *[jpeg] * (ITEMS - 2)]}
    columns = COLUMNS | {"image": "photo"}
    data = Dataset.from_frames(EVENTS, products, **columns, features={"style": rows})
    assert data.catalog.contents["image"][:2] == [jpeg, None]
    assert np.array_equal(data.catalog.contents["style"][3], rows[3])
    assert data.config.image == "photo"
    with pytest.raises(DataError, match="frames in memory"):
        read_catalog(data.config)


@pytest.mark.parametrize(
    ("events", "items", "options", "message"),
    [
        ({}, None, {}, "interactions= is empty"),
        ([1], None, {}, r"interactions= is no frame: received 'list'; give a polars or pandas"),
        (pd.Series([1]), None, {}, "to_frame"),
        (EVENTS, None, COLUMNS | {"user": "x"}, "no column 'x' for the user.*set user="),
        (EVENTS, PRODUCTS, {"user": "customer"}, r"2 errors.*item=\n.*item="),
        (EVENTS, PRODUCTS, COLUMNS | {"text": "nmae"}, "no column 'nmae'.*did you mean 'name'"),
        (EVENTS, None, {"user": "customer", "item": "sku", "min_rating": 3}, "set rating="),
        (pd.DataFrame({"user_id": [1.0, np.nan], "item_id": [1, 2]}), None, {}, "Int64"),
        (pd.DataFrame({"user_id": [[1], [2]], "item_id": [1, 2]}), None, {}, "user_id'.*not ids"),
        (pd.DataFrame({"user_id": ["a"] * 2, "item_id": [1, 2.5]}), None, {}, "'item_id': not ids"),
        (pd.DataFrame({"user_id": ["a"] * 2, "item_id": ["b", 2.5]}), None, {}, "not ids.*Object"),
        (pl.DataFrame({"user_id": [None, None], "item_id": [1, 2]}), None, {}, "2 of 2 events"),
        (
            {"user_id": ["u"] * 2, "item_id": ["a", "b"], "timestamp": ["2024-01-01", "soon"]},
            None, {}, r"interactions= row 1 \(from 0\), column 'timestamp'.*'soon'.*time_format=",
        ),
        (
            {"user_id": ["u"] * 2, "item_id": ["a", "b"], "timestamp": ["01/02/2024"] * 2},
            None, {}, "time_format=",
        ),
        (
            {"user_id": ["u"] * 2, "item_id": ["a", "b"], "kind": ["like", "glance"]},
            None, {"preset": "shop"}, r"unknown kinds.*kinds=\{'glance'",
        ),
        (EVENTS, {"sku": ["00", "00"], "name": "AB"}, COLUMNS, "duplicate.*'00' on row 0"),
        (
            pd.DataFrame([["u", "a", "b"]], columns=["user_id", "item_id", "item_id"]),
            None, {}, "several columns 'item_id'",
        ),
        (sparse.eye_array(3), {"item_id": [1, 2]}, {}, "doesn't fit the matrix.*'2 rows"),
        (sparse.eye_array(3), None, {"split": "given"}, "no split"),
    ],
)  # fmt: skip
def test_errors_name_arguments_rows_and_columns(
    events: Any, items: Any, options: dict, message: str
) -> None:
    with pytest.raises(DataError, match=f"(?s){message}") as raised:
        Dataset.from_frames(events, items, **options)
    assert "data." not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_ratin": 3}, "unknown argument: received 'min_ratin'; did you mean 'min_rating'"),
        ({"preset": "shops"}, "unknown preset.*did you mean 'shop'"),
        ({"split": "never"}, "split= is not valid: received 'never'"),
        ({"min_events": {"user": 0}}, "min_events= is not valid"),
    ],
)
def test_unknown_arguments_and_values_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Dataset.from_frames(EVENTS, **options)


def test_times_of_any_zone_are_utc_and_those_without_one_are_taken_as_utc() -> None:
    berlin = datetime(2024, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    times = [datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC), berlin]  # noqa: DTZ001
    frame, _ = to_polars_frame(pd.DataFrame({"at": pd.Series([*times, None], dtype=object)}), "x")
    assert frame["at"].dt.epoch("s").to_list() == [1_704_067_200] * 3 + [None]


def test_unused_columns_are_never_fatal_and_frames_stay_as_they_are() -> None:
    events = pd.DataFrame(
        {"user_id": [*"uuuuvvvv"], "item_id": [*"abcdabcd"], "odd": [object(), {1}, 2, ""] * 2}
    )
    before = events.copy(deep=True)
    data = Dataset.from_frames(events, split=HALVES)
    assert data.users == ("u", "v")
    pd.testing.assert_frame_equal(events, before)
