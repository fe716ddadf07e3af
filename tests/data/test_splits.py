"""Splits: seeded, disjoint in pairs, and what they say they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyrec.config import SplitConfig
from polyrec.data import splits
from polyrec.errors import DataError
from polyrec.types import Interactions

SHARES = splits.SplitShares(0.1, 0.2, 5)
USES = ("random", "user_time", "leave_one_out", "global_time", "new_items")

rows = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 7), st.integers(0, 50)), min_size=1, max_size=80
)


def events_of(drawn: list[tuple[int, int, int]]) -> Interactions:
    users, items, times = zip(*drawn, strict=True)
    return Interactions.of(users, items, shape=(6, 8), times=times)


@pytest.mark.parametrize("use", USES)
@given(drawn=rows)
def test_no_pair_lies_in_two_parts_and_the_same_seed_gives_the_same(use: str, drawn: list) -> None:
    events = events_of(drawn)
    config = SplitConfig(use=use, valid=0.1, test=0.2)
    codes = splits.split_events(config, events, None, seed=5)
    assert np.array_equal(codes, splits.split_events(config, events, None, seed=5))
    parts: dict[tuple[int, int], set[int]] = {}
    for user, item, code in zip(events.users, events.items, codes, strict=True):
        if code != splits.DROPPED:
            parts.setdefault((user, item), set()).add(int(code))
    assert all(len(codes_of_pair) == 1 for codes_of_pair in parts.values())


def world(users: int = 40, per_user: int = 10) -> Interactions:
    who = np.repeat(np.arange(users), per_user)
    generator = np.random.default_rng(1)
    what = np.concatenate([generator.permutation(30)[:per_user] for _ in range(users)])
    times = generator.permutation(len(who))
    return Interactions.of(who, what, shape=(users, 30), times=times)


def test_in_time_means_that_a_users_later_pairs_are_tested() -> None:
    events = world()
    codes = splits.split_by_user_time(events, SHARES)
    for user in range(40):
        mine = events.users == user
        order = codes[mine][np.argsort(events.times[mine])]
        assert order.tolist() == [0] * 7 + [1] + [2] * 2


def test_the_first_event_of_a_pair_decides_for_its_repetitions() -> None:
    events = world()
    twice = Interactions.of(
        np.r_[events.users, events.users], np.r_[events.items, events.items],
        shape=events.shape, times=np.r_[events.times + len(events), events.times],
    )  # fmt: skip
    for split in (splits.split_by_user_time, splits.split_leave_one_out):
        codes = split(events, SHARES)
        assert np.array_equal(split(twice, SHARES), np.r_[codes, codes])


def test_leave_one_out_takes_the_last_pair_and_the_one_before() -> None:
    events = world()
    codes = splits.split_leave_one_out(events, SHARES)
    for user in range(40):
        mine = events.users == user
        order = codes[mine][np.argsort(events.times[mine])]
        assert order.tolist() == [0] * 8 + [1, 2]


def test_a_user_with_two_pairs_stays_in_train() -> None:
    events = Interactions.of([0, 0], [1, 2], shape=(1, 3), times=[1, 2])
    for use in ("random", "user_time", "leave_one_out"):
        assert splits.split_events(SplitConfig(use=use), events, None, seed=0).tolist() == [0, 0]


def test_one_cut_for_all_means_that_train_is_before_valid_is_before_test() -> None:
    events = world()
    codes = splits.split_by_global_time(events, SHARES)
    spans = [events.times[codes == part] for part in range(3)]
    assert spans[0].max() < spans[1].min() <= spans[1].max() < spans[2].min()
    assert abs(len(spans[2]) / len(events) - 0.2) < 0.01


def test_a_repetition_after_the_cut_is_dropped() -> None:
    events = Interactions.of([0] * 5, [1, 2, 3, 4, 1], shape=(1, 5), times=[1, 2, 3, 4, 5])
    codes = splits.split_by_global_time(events, splits.SplitShares(0.2, 0.2, 0))
    assert codes.tolist() == [0, 0, 0, 1, splits.DROPPED]


def test_new_items_leave_train_wholly_and_are_drawn_over_popularity() -> None:
    generator = np.random.default_rng(2)
    items = np.minimum(generator.geometric(0.02, 20_000) - 1, 199)
    events = Interactions.of(generator.integers(0, 500, 20_000), items, shape=(500, 200))
    codes = splits.split_new_items(events, SHARES)
    drawn = splits.draw_item_splits(items, 200, SHARES)
    new = {part: set(np.flatnonzero(drawn == part)) for part in (splits.VALID, splits.TEST)}
    for part, those in new.items():
        assert set(codes[np.isin(items, list(those))]) == {part}
    assert abs(len(new[splits.TEST]) / len(set(items)) - 0.2) < 0.03
    assert abs(len(new[splits.VALID]) / len(set(items)) - 0.1) < 0.03
    counts = np.bincount(items, minlength=200)
    for those in new.values():
        assert 0.5 < counts[list(those)].mean() / counts[counts > 0].mean() < 2


def test_a_tenth_of_the_known_pairs_is_tested_beside_new_items() -> None:
    events = world(per_user=20)
    codes = splits.split_new_items(events, SHARES)
    known = splits.draw_item_splits(events.items, 30, SHARES)[events.items] == splits.TRAIN
    for user in range(40):
        mine = known & (events.users == user)
        order = codes[mine][np.argsort(events.times[mine])]
        tenth = round(0.1 * len(order))
        assert order.tolist() == [0] * (len(order) - 2 * tenth) + [1] * tenth + [2] * tenth


def test_auto_takes_the_split_of_the_data() -> None:
    events = world()
    auto = SplitConfig(valid=0.1, test=0.2)
    given_codes = np.zeros(len(events), np.int8)
    assert splits.split_events(auto, events, given_codes, seed=5) is given_codes
    timed = splits.split_events(auto, events, None, seed=5)
    assert np.array_equal(timed, splits.split_by_user_time(events, SHARES))
    untimed = Interactions.of(events.users, events.items, shape=events.shape)
    assert np.array_equal(
        splits.split_events(auto, untimed, None, seed=5), splits.split_random(untimed, SHARES)
    )


def test_a_split_that_the_data_do_not_allow_is_refused() -> None:
    untimed = Interactions.of([0], [0], shape=(1, 1))
    with pytest.raises(DataError, match="the data have no split"):
        splits.split_events(SplitConfig(use="given"), untimed, None, seed=0)
    with pytest.raises(DataError, match="most events have no time: received 'global_time'"):
        splits.split_events(SplitConfig(use="global_time"), untimed, None, seed=0)
