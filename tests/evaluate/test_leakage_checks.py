"""Every leak fails a run: each check finds its leak, and passes without one."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from polyrec.config import Config, parse_config
from polyrec.data import splits
from polyrec.errors import DataError, FitError
from polyrec.evaluate.leakage_checks import check_fitted_parts, check_split
from polyrec.recommend.popular import Popular
from polyrec.types import Interactions


def config(protocol: str) -> Config:
    tree = {"data": {"path": "x"}, "evaluate": {"protocol": protocol}}
    return parse_config(tree, folder=Path())


def behaviour(protocol: str) -> dict[str, Interactions]:
    generator = np.random.default_rng(4)
    pairs = generator.permutation(30 * 40)[:600]
    events = Interactions.of(
        pairs // 40, pairs % 40, shape=(30, 40), times=generator.permutation(600) + 1000
    )
    settings = config(protocol)
    codes = splits.split_events(settings.data.split, events, None, seed=settings.seed)
    return {name: events.take(codes == code) for code, name in enumerate(splits.SPLITS)}


def with_first_event(part: Interactions, **columns: int) -> Interactions:
    """Return a split with another first event."""
    changed = {}
    for name, value in columns.items():
        changed[name] = getattr(part, name).copy()
        changed[name][0] = value
    return dataclasses.replace(part, **changed)


@pytest.mark.parametrize("protocol", ["compat", "global_time", "leave_one_out", "new_items"])
def test_a_split_of_the_protocols_own_has_no_leak(protocol: str) -> None:
    check_split(behaviour(protocol), config(protocol))


@pytest.mark.parametrize("pair", [("train", "valid"), ("train", "test"), ("valid", "test")])
def test_a_pair_in_two_parts(pair: tuple[str, str]) -> None:
    parts = behaviour("compat")
    first, other = (parts[name] for name in pair)
    user, item = int(first.users[0]), int(first.items[0])
    parts[pair[1]] = with_first_event(other, users=user, items=item)
    message = (
        f"leak: user-item pairs in both {pair[0]} and {pair[1]}: .* user {user} with item {item}"
    )
    with pytest.raises(DataError, match=message):
        check_split(parts, config("compat"))


@pytest.mark.parametrize("name", ["valid", "test"])
def test_an_event_older_than_train_under_global_time(name: str) -> None:
    parts = behaviour("global_time")
    parts[name] = with_first_event(parts[name], times=1000)
    with pytest.raises(DataError, match=f"leak: {name} has events older than the newest of train"):
        check_split(parts, config("global_time"))
    parts[name] = with_first_event(parts[name], times=-1)
    with pytest.raises(DataError, match="events without a time"):
        check_split(parts, config("global_time"))


def test_more_than_one_pair_left_out() -> None:
    parts = behaviour("leave_one_out")
    user = int(parts["test"].users[1])
    taken = {int(i) for part in parts.values() for i in part.items[part.users == user]}
    fresh = next(item for item in range(40) if item not in taken)
    parts["test"] = with_first_event(parts["test"], users=user, items=fresh)
    with pytest.raises(DataError, match=f"received '2 pairs of user {user}'"):
        check_split(parts, config("leave_one_out"))


@pytest.mark.parametrize(
    ("new_to", "seen_in"), [("test", "train"), ("test", "valid"), ("valid", "train")]
)
def test_a_new_item_that_is_known(new_to: str, seen_in: str) -> None:
    parts = behaviour("new_items")
    fresh = np.setdiff1d(parts[new_to].items, parts["train"].items)
    shared = parts["valid"].items if new_to == "test" else parts["test"].items
    item = int(np.setdiff1d(fresh, shared)[0])
    row = int(np.flatnonzero(parts[new_to].items == item)[0])
    known = parts[new_to].take([row])
    rest = np.arange(len(parts[new_to])) != row
    parts[new_to] = parts[new_to].take(rest)
    joined = {f.name: np.concatenate([getattr(parts[seen_in], f.name), getattr(known, f.name)])
              for f in dataclasses.fields(Interactions) if f.name != "shape"}  # fmt: skip
    parts[seen_in] = Interactions(**joined, shape=known.shape)
    message = f"leak: items new to {new_to} have events in {seen_in}: .* such as item {item}"
    with pytest.raises(DataError, match=message):
        check_split(parts, config("new_items"))


@dataclasses.dataclass
class Graph:
    """A part that keeps the user-item graph."""

    def fit(self, events: Interactions) -> "Graph":
        self.graph_ = sparse.csr_array(events.matrix())
        return self


def everything(parts: dict[str, Interactions]) -> Interactions:
    columns = ("users", "items", "times", "weights", "kinds")
    joined = {c: np.concatenate([getattr(p, c) for p in parts.values()]) for c in columns}
    return Interactions(**joined, shape=parts["train"].shape)


@pytest.mark.parametrize(
    ("fit", "message"),
    [
        (lambda events: Graph().fit(events), "leak: a part has learned test events"),
        (lambda events: Popular().fit(events, {}), "leak: popularity counts test events"),
    ],
)
def test_a_part_that_was_fitted_on_test(
    fit: Callable[[Interactions], object], message: str
) -> None:
    parts = behaviour("new_items")
    check_fitted_parts([fit(parts["train"])], parts)
    with pytest.raises(FitError, match=message):
        check_fitted_parts([fit(everything(parts))], parts)


def test_weights_between_items_are_no_users_where_both_are_as_many() -> None:
    pairs = [(user, item) for user in range(4) for item in range(4) if user != item]
    users, items = np.transpose(pairs)
    train = Interactions.of(users[::2], items[::2], shape=(4, 4))
    test = Interactions.of(users[1::2], items[1::2], shape=(4, 4))
    between = Graph()
    between.graph_ = sparse.csr_array(np.ones((4, 4), np.float32))
    check_fitted_parts([between], {"train": train, "valid": test, "test": test})
