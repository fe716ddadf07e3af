"""An event weighs the same in training and in the service."""

from pathlib import Path

import polars as pl
import pytest

from polyrec.config import parse_config
from polyrec.config.event_weights import EventWeights
from polyrec.data.load import build_dataset
from polyrec.database.feedback import Event
from polyrec.errors import DataError
from polyrec.serve.state.history import History
from polyrec.source_tables import SourceTables

KINDS = {"view": 1.0, "like": 2.0, "dislike": -2.0, "read": 0.0}


def in_training(kinds: list[str] | None, ratings: list[float], data: dict) -> list[float]:
    """Return the weights of u's events, one on each item in turn."""
    count = len(ratings)
    columns = {"user": ["u"] * count, "item": [f"i{n}" for n in range(count)], "rating": ratings,
               "split": ["train"] * (count - 1) + ["test"]}  # fmt: skip
    if kinds is not None:
        columns["kind"] = kinds
    config = parse_config({"data": {"path": ".", "split": {"use": "given"}, **data}}, folder=Path())
    tables = SourceTables(pl.DataFrame(columns), None)
    dataset = build_dataset(tables, config.data, weights=config.weights, seed=0)
    return [*dataset.train.weights.tolist(), *dataset.test.weights.tolist()]


def in_service(kinds: list[str], ratings: list[float], data: dict) -> list[float]:
    rule = parse_config({"data": {"path": ".", **data}}, folder=Path()).event_weights
    events = [
        Event(f"i{n}", kind, rating, None, n)
        for n, (kind, rating) in enumerate(zip(kinds, ratings, strict=True))
    ]
    return History.from_events(events, rule, now=len(events)).weights.tolist()


@pytest.mark.parametrize("min_rating", [None, 3.0])
@pytest.mark.parametrize("named", [{}, {"event": 5.0}])
def test_training_and_service_weigh_alike(min_rating: float | None, named: dict) -> None:
    data = {"kinds": KINDS | named, "min_rating": min_rating}
    kinds = [kind for kind in data["kinds"] for _ in range(3)]
    ratings = [1.0, 3.0, 4.5] * len(data["kinds"])
    assert in_training(kinds, ratings, data) == in_service(kinds, ratings, data)
    # data without kinds: their events come into the service as "event"
    plain = in_training(None, ratings, data)
    assert plain == in_service(["event"] * len(ratings), ratings, data)
    assert max(plain) == named.get("event", 1.0)


def test_a_kind_the_config_does_not_name_is_refused_in_training_and_seen_in_service() -> None:
    data = {"kinds": KINDS}
    with pytest.raises(DataError, match="unknown kinds of events"):
        in_training(["view", "glance"], [1.0, 1.0], data)
    assert in_service(["view", "glance"], [1.0, 1.0], data) == [1.0, 0.0]


def test_a_config_without_kinds_weighs_all_of_them_1_but_read() -> None:
    assert in_service(["like", "read", "event"], [0.0] * 3, {}) == [1.0, 0.0, 1.0]
    assert in_training(None, [1.0, 2.0], {}) == [1.0, 1.0]


def test_a_value_of_0_is_no_rating_and_a_stored_weight_stays() -> None:
    rule = EventWeights({"like": 2.0}, min_rating=3.0)
    events = [Event("a", "like", 0.0, None, 1), Event("b", "like", 1.0, 4.0, 2)]
    assert History.from_events(events, rule, now=2).weights.tolist() == [2.0, 4.0]
