"""Models that were fitted on a data set take and return ids."""

import numpy as np
import polars as pl
import pytest

from polyrec import Dataset
from polyrec.artifact.part_state import dump_learned
from polyrec.errors import DataError, FitError
from polyrec.recommend import EASE, MultimodalLinear, Popular
from polyrec.types import Embeddings, Query

EVENTS = pl.DataFrame(
    {
        "user_id": [f"u{u}" for u in range(30) for _ in range(6)],
        "item_id": [f"i{(u % 3) * 6 + (u + j) % 6}" for u in range(30) for j in range(6)],
    }
)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return Dataset.from_frames(EVENTS)


def test_ids_in_ids_out_as_by_rows(data: Dataset) -> None:
    model = EASE(l2=1).fit(data)
    lists = model.recommend(["u4", "u0"], k=3)
    assert model.recommend(users=["u4", "u0"], k=3) == lists
    rows = [data.users.index(user) for user in ("u4", "u0")]
    ranking = model.recommend(data.id_map.events.histories(rows), 3)
    assert lists.ids == [[data.catalog.ids[i] for i in row] for row in ranking.items]
    assert lists.users == ["u4", "u0"]
    session = model.recommend(histories=[["i0"]], k=2)
    assert set(session.ids[0]) < {f"i{i}" for i in range(6)}
    shown = model.recommend(histories=[["i0"]], k=18, hide_seen=False)
    assert "i0" in shown.ids[0]
    assert model.recommend(["u1"]).to_polars()["user"].to_list() == ["u1"] * 10


def test_it_learns_from_train_alone_and_stops_on_valid(data: Dataset) -> None:
    whole, parts = EASE(l2=1).fit(data), EASE(l2=1).fit(data.train, {}, valid=data.valid)
    query = Query.of([[0], [3, 5]])
    assert np.array_equal(whole.score(query), parts.score(query))
    assert dump_learned(whole)[0] == dump_learned(parts)[0]
    views = {"text": Embeddings(np.eye(18, dtype=np.float32), np.ones(18, bool))}
    model = MultimodalLinear(l2=1).fit(data, views)
    assert len(model.recommend(["u3"], k=4).ids[0]) == 4


def test_the_ids_are_those_of_the_last_fit(data: Dataset) -> None:
    model = Popular().fit(data)
    assert model.recommend(histories=[[]], k=1).ids
    model.fit(data.train)
    with pytest.raises(FitError, match=r"no ids.*fit it on a polyrec.Dataset, or give a Query"):
        model.recommend(["u1"])


def test_ids_are_checked(data: Dataset) -> None:
    model = Popular().fit(data)
    with pytest.raises(DataError, match=r"users must be a list: received 'u1'; write \['u1'\]"):
        model.recommend("u1")
    with pytest.raises(DataError, match="unknown user: received 'x'; use histories="):
        model.recommend(["x"])
    with pytest.raises(DataError, match="users or histories are needed"):
        model.recommend()
