import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polyrec.types import Embeddings, Interactions, Query

events = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 9)), min_size=1, max_size=30
)


@given(events)
def test_histories_equal_a_loop(rows: list[tuple[int, int, int]]) -> None:
    users, items, times = zip(*rows, strict=True)
    asked = [2, 0, 2, 3]
    interactions = Interactions.of(users, items, shape=(4, 5), times=times)
    query, sequences = interactions.histories(asked), interactions.sequences(asked)
    for place, user in enumerate(asked):
        mine = sorted(
            (e for e in enumerate(rows) if e[1][0] == user), key=lambda e: (e[1][2], e[0])
        )
        expected = {}
        for _, (_, item, _) in mine:
            expected[item] = expected.pop(item, 0) + 1
        part = query.take(place, place + 1)
        assert part.items.tolist() == list(expected)
        assert part.weights.tolist() == list(expected.values())
        kept = sequences.take(place, place + 1).items.tolist()
        assert kept == [item for _, (_, item, _) in mine]


def test_a_history_costs_what_its_user_has() -> None:
    """The events are sorted once: the second question must not look at all of them."""
    events = Interactions.of([1, 0, 1], [0, 1, 2], shape=(2, 3), times=[5, 1, 2])
    assert events.histories([1]).items.tolist() == [2, 0]
    for name in ("users", "times"):  # the questions that follow slice what was sorted
        object.__setattr__(events, name, None)
    assert events.histories([0, 1]).items.tolist() == [1, 2, 0]


def test_weights_of_one_pair_add_up_and_negatives_are_no_positives() -> None:
    liked = Interactions.of([0, 0, 0], [1, 1, 2], shape=(1, 3), weights=[1, 2, -1])
    assert liked.matrix().toarray().tolist() == [[0, 3, -1]]
    assert liked.positives().toarray().tolist() == [[0, 3, 0]]


def test_a_part_of_a_query_is_a_query() -> None:
    query = Query.of([[1, 2], [], [3]])
    assert query.take(1, 3).matrix(4).toarray().tolist() == [[0, 0, 0, 0], [0, 0, 0, 1]]


def test_taking_rows_keeps_problems_with_their_rows() -> None:
    view = Embeddings(np.zeros((3, 1), np.float32), np.array([True, False, True]), {1: "broken"})
    assert view.take([2, 1]).problems == {1: "broken"}
    assert view.take([0, 2]).problems == {}


def test_a_query_with_an_item_twice_stays_as_it_was() -> None:
    query = Query.of([[], [0], [3, 3]])
    assert query.matrix(4).toarray()[2].tolist() == [0, 0, 0, 2]
    assert query.starts.tolist() == [0, 0, 1, 3]
    assert query.items.tolist() == [0, 3, 3]
    assert query.weights.tolist() == [1, 1, 1]
