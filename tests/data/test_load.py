"""From raw tables to a clean, split data set; what is odd is found."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from polyrec.config import DataConfig, MaxMissing, MinEvents, SplitConfig
from polyrec.data.load import Dataset, load_dataset
from polyrec.errors import DataError
from polyrec.types import Problem


def make(folder: Path, events: dict, items: dict | None = None, **options: object) -> Dataset:
    folder.mkdir(exist_ok=True)
    pl.DataFrame(events).write_csv(folder / "interactions.csv")
    if items is not None:
        pl.DataFrame(items).write_csv(folder / "items.csv")
    weights = options.pop("weights", {})
    return load_dataset(DataConfig(path=folder, **options), weights=weights, seed=3)


GIVEN = {
    "user_id": [1, 1, 2, 2],
    "item_id": [10, 20, 10, 30],
    "split": ["train", "test", "train", "test"],
}


def found(loaded: Dataset, what: str) -> int:
    return next((f.count for f in loaded.validation.findings if what in f.what), 0)


def test_items_keep_the_order_of_their_table_and_unlisted_ones_follow(tmp_path: Path) -> None:
    loaded = make(tmp_path, GIVEN, {"item_id": [30, 20, 99], "title": ["C", None, "Z"]})
    assert loaded.catalog.ids == ("30", "20", "99", "10")
    assert loaded.catalog.titles == ("C", "20", "Z", "10")
    assert found(loaded, "ids without items") == 1
    assert loaded.users == ("1", "2")


def test_integer_and_text_ids_match(tmp_path: Path) -> None:
    loaded = make(tmp_path, GIVEN, {"item_id": ["10", "20", "x30"]})
    assert loaded.catalog.ids[:3] == ("10", "20", "x30")


def test_kinds_weigh_and_each_counts_once_per_pair(tmp_path: Path) -> None:
    events = {
        "user_id": [1, 1, 1, 1, 1],
        "item_id": [5, 5, 5, 6, 7],
        "timestamp": [1, 2, 3, 4, 9],
        "kind": ["view", "view", "purchase", "dislike", "view"],
        "split": ["train", "train", "train", "test", "test"],
    }
    weights = {"view": 1, "purchase": 4, "dislike": -2}
    loaded = make(tmp_path, events, weights=weights)
    train = loaded.train
    assert train.matrix().toarray().tolist() == [[5, 0, 0]]
    assert sorted(train.times.tolist()) == [2, 3]
    assert loaded.test.matrix().toarray().tolist() == [[0, -2, 1]]
    assert found(loaded, "repeated events") == 1


def test_an_unknown_kind_is_refused_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"received \['peek'\]; give it a weight: data.kinds.peek"):
        make(tmp_path, GIVEN | {"kind": ["view", "peek", "view", "view"]}, weights={"view": 1})


def test_low_ratings_are_seen_but_not_positive(tmp_path: Path) -> None:
    loaded = make(tmp_path, GIVEN | {"rating": [2.0, 5, 4, 5]}, min_rating=4)
    assert loaded.train.weights.tolist() == [0, 1]
    assert loaded.train.histories([0]).items.tolist() == [0]
    assert loaded.train.positives().toarray().tolist() == [[0, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (
            {"rating": ["1", "1", "a", "b"]},
            {"min_rating": 4},
            "interactions.csv line 4, column 'rating': not a number (2 such cells: also line 5): "
            "received 'a'; fix it or leave it empty",
        ),
        ({"weight": [1, 2, None, 3]}, {}, "line 4, column 'weight': not a weight"),
        ({}, {"min_rating": 4}, "data.min_rating needs ratings"),
        (
            {"split": ["train", "tst", "train", "test"]},
            {},
            "line 3, column 'split': unknown split: received 'tst'",
        ),
        ({"split": ["train"] * 4}, {}, "the test split is empty"),
        ({"split": ["test"] * 4}, {}, "the train split is empty"),
        (
            {"timestamp": ["soon"] * 4},
            {},
            "line 2, column 'timestamp': not a time (4 such cells: "
            "also line 3, line 4, line 5): received 'soon'; use seconds or ISO 8601",
        ),
    ],
)
def test_bad_columns_are_refused(tmp_path: Path, change: dict, options: dict, message: str) -> None:
    with pytest.raises(DataError) as caught:
        make(tmp_path, GIVEN | change, **options)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (
            {"item_id": [10, 10, 20]},
            "items.csv, column 'item_id': duplicate or empty item ids: "
            "received \"'10' on line 2, '10' on line 3\"",
        ),
        ({"item_id": [7, 8, 9]}, "no item of an event is in the items table"),
    ],
)
def test_inconsistent_items_are_refused(tmp_path: Path, items: dict, message: str) -> None:
    with pytest.raises(DataError) as caught:
        make(tmp_path, GIVEN, items)
    assert message in str(caught.value)


def test_events_without_user_or_item_are_dropped_and_reported(tmp_path: Path) -> None:
    loaded = make(
        tmp_path, GIVEN | {"user_id": [1, None, 2, 2]}, max_missing=MaxMissing(events=0.3)
    )
    assert found(loaded, "events without user or item") == 1
    assert loaded.validation.counts["events"] == 3


def test_no_events_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there are no events"):
        make(tmp_path, {"user_id": [], "item_id": []})


def test_dates_are_read_as_seconds(tmp_path: Path) -> None:
    days = [
        "2024-01-01T00:00:00Z",
        "2024-01-01T00:00:10Z",
        "1970-01-01T00:00:01Z",
        "2024-01-02T00:00:00Z",
    ]
    loaded = make(tmp_path, GIVEN | {"timestamp": days})
    assert sorted(loaded.train.times.tolist()) == [1, 1_704_067_200]
    assert loaded.validation.counts["time_range"][0] == "1970-01-01T00:00:01+00:00"


def test_a_pair_in_two_given_parts_is_a_leak(tmp_path: Path) -> None:
    events = {k: [*v, v[0]] for k, v in GIVEN.items()}
    events["split"][-1] = "test"
    loaded = make(tmp_path, events)
    assert found(loaded, "user-item pairs in both train and test") == 1
    assert not loaded.validation.ok


def test_an_empty_valid_split_is_reported(tmp_path: Path) -> None:
    loaded = make(tmp_path, GIVEN)
    assert any("valid split is empty" in f.what for f in loaded.validation.findings)


def test_the_core_is_a_fixed_point_and_keeps_the_catalogue(tmp_path: Path) -> None:
    # user 3 has one event; without it item 9 has one partner; without that user 2 has one
    events = {"user_id": [0, 0, 1, 1, 2, 2, 3], "item_id": [7, 8, 7, 8, 9, 7, 9]}
    split = SplitConfig(use="random", valid=0, test=0.5)
    with pytest.raises(DataError, match="the test split is empty"):
        make(tmp_path, events, min_events=MinEvents(user=2, item=2), split=split)
    events["split"] = ["train", "test"] * 3 + ["train"]
    loaded = make(tmp_path, events, min_events=MinEvents(user=2, item=2))
    assert loaded.validation.counts["events"] == 4
    assert len(loaded.catalog) == 3


def test_the_fingerprint_distinguishes_data(tmp_path: Path) -> None:
    first = make(tmp_path, GIVEN)
    assert make(tmp_path, GIVEN).fingerprint == first.fingerprint
    other = GIVEN | {"item_id": [10, 20, 20, 30]}
    assert make(tmp_path, other).fingerprint != first.fingerprint


def test_features_must_match_the_items(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", np.ones((2, 3)))
    items = {"item_id": [10, 20, 30]}
    with pytest.raises(
        DataError, match="text features don't match the items: received '2 rows'; give 3 rows"
    ):
        make(tmp_path, GIVEN, items, features={"text": "f.npy"})


def test_rows_with_nan_or_infinity_count_as_missing(tmp_path: Path) -> None:
    rows = np.array([[1, 5, 2], [np.nan, 5, 0], [np.inf, 5, 1]], np.float32)
    np.save(tmp_path / "f.npy", rows)
    loaded = make(tmp_path, GIVEN, {"item_id": [10, 20, 30]}, features={"text": "f.npy"})
    assert [row is None for row in loaded.catalog.content("text")] == [False, True, True]
    assert found(loaded, "text rows with NaN or infinite values") == 2
    assert found(loaded, "text columns that are constant") == 3


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([{"a": 1}], dtype=object), "a feature file can't be read"),
        (np.ones(3), "features are not a numeric matrix"),
        (np.array([["a"], ["b"], ["c"]]), "features are not a numeric matrix"),
    ],
)
def test_files_that_are_not_features_are_refused(
    tmp_path: Path, array: np.ndarray, message: str
) -> None:
    np.save(tmp_path / "f.npy", array)
    with pytest.raises(DataError, match=message):
        make(tmp_path, GIVEN, {"item_id": [10, 20, 30]}, features={"text": "f.npy"})


def test_paths_outside_the_folder_are_errors_and_no_content(tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"x")
    data = tmp_path / "data"
    data.mkdir()
    (data / "ok.jpg").write_bytes(b"x")
    (data / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    names = ["../secret.jpg", "/etc/passwd", "link.jpg", "ok.jpg", "gone.jpg", None]
    items = {"item_id": [10, 20, 30, 40, 50, 60], "poster": names}
    loaded = make(data, GIVEN, items, image="poster", max_missing=MaxMissing(media=1))
    contents = loaded.catalog.content("image")
    assert [isinstance(raw, Problem) and raw.status for raw in contents[:3]] == ["refused"] * 3
    # a file that is not there keeps its name, so that the quarantine list can tell it
    assert contents[3:5] == [data.resolve() / "ok.jpg", data.resolve() / "gone.jpg"]
    assert contents[5] is None
    assert found(loaded, "image paths outside the data folder") == 3
    assert found(loaded, "image files that don't exist") == 1
    assert not loaded.validation.ok
    with pytest.raises(DataError, match="a path outside the data folder"):
        make(data, GIVEN, items, features={"text": "../f.npy"})


def test_text_joins_columns_and_unknown_ones_are_named(tmp_path: Path) -> None:
    items = {"item_id": [10, 20, 30], "title": ["A", None, "C"], "plot": ["x", None, None]}
    loaded = make(tmp_path, GIVEN, items, text=("title", "plot"))
    assert list(loaded.catalog.content("text")) == ["A\nx", None, "C"]
    with pytest.raises(DataError, match=r"the items have no column 'plt'.*did you mean 'plot'"):
        make(tmp_path, GIVEN, items, text=("plt",))


def test_feature_rows_number_the_items_where_there_is_no_table(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", np.random.default_rng(0).random((4, 2)))
    events = GIVEN | {"item_id": [0, 1, 0, 3]}
    loaded = make(tmp_path, events, features={"image": "f.npy"})
    assert loaded.catalog.ids == ("0", "1", "2", "3")
    with pytest.raises(DataError, match="feature rows without an items file"):
        make(tmp_path, GIVEN | {"item_id": list("abac")}, features={"image": "f.npy"})


def test_two_contents_of_one_name_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", np.eye(3))
    items = {"item_id": [10, 20, 30], "title": ["A", "B", "C"]}
    with pytest.raises(DataError, match="two contents have one name: received 'text'"):
        make(tmp_path, GIVEN, items, text=("title",), features={"text": "f.npy"})
