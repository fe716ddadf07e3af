"""Checks that fail a run where test data leak into training.

Parts are fitted on train (some also read valid for early stopping). `check_split` finds leaks in
the split, before anything is fitted; `check_fitted_parts` those in what was learned (decision 16).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import numpy as np
from scipy import sparse

from polyrec.config import Config
from polyrec.data.sorting import unique_sorted
from polyrec.data.splits import SPLITS, TEST, TRAIN, VALID, SplitShares, draw_item_splits
from polyrec.errors import DataError, FitError
from polyrec.types import NO_TIME, Bools, Interactions, Ints

Behaviour: TypeAlias = Mapping[str, Interactions]
"""train, valid and test."""


def check_split(behaviour: Behaviour, config: Config) -> None:
    """Raise `DataError` where splits share pairs, test is empty, or a protocol is violated.

    Under next_item splits may share pairs; a user's events must follow each other in time instead.
    """
    if not len(behaviour["test"]):
        remedy = "was it fitted on all events? then its report.json has the test metrics"
        raise DataError("the test split is empty", received="no test events", remedy=remedy)
    check = _PROTOCOL_CHECKS.get(config.evaluate.protocol)
    if check is not None:
        check(behaviour, config)
    if config.evaluate.protocol == "next_item":  # to take an item again is no leak
        return
    pairs = {name: _pairs(behaviour[name]) for name in SPLITS}
    for first, second in itertools.combinations(SPLITS, 2):
        shared = np.intersect1d(pairs[first], pairs[second], assume_unique=True)
        if len(shared):
            row, column = divmod(int(shared[0]), behaviour["train"].shape[1])
            received = f"{len(shared):,} pairs, such as user {row} with item {column}"
            raise DataError(f"leak: user-item pairs in both {first} and {second}",
                            received=received, remedy="set data.split.use")  # fmt: skip


def check_fitted_parts(parts: Iterable[object], behaviour: Behaviour) -> None:
    """Raise `FitError` where what a part has learned contains test events.

    Of the attributes, (u, n) sparse matrices must hold no pair of test that is new there, and
    `popularity_` (n,) must be the same for all items without events in train and valid. If u = n, a
    matrix may as well be one of weights between items, and is not checked.
    """
    users, items = behaviour["train"].shape
    known = np.zeros(items, bool)
    for name in ("train", "valid"):
        known[behaviour[name].items] = True
    learnable = [_pairs(behaviour[name]) for name in ("train", "valid")]
    new_pairs = np.setdiff1d(_pairs(behaviour["test"]), np.concatenate(learnable))
    for part in parts:
        for name, value in vars(part).items():
            if name == "popularity_" and np.shape(value) == known.shape:
                _check_popularity(part, np.asarray(value), ~known)
            elif sparse.issparse(value) and users != items and value.shape == (users, items):
                _check_pairs(part, name, value, new_pairs)


def _check_popularity(part: object, counts: Ints, unknown: Bools) -> None:
    if len(np.unique(counts[unknown])) > 1:
        item = int(np.flatnonzero(unknown)[counts[unknown].argmax()])
        received = f"popularity of item {item} in {type(part).__name__}"
        raise FitError("leak: popularity counts test events", received=received,
                       remedy="fit on train alone")  # fmt: skip


def _check_pairs(part: object, name: str, matrix: sparse.sparray, test_pairs: Ints) -> None:
    rows, columns = sparse.coo_array(matrix).coords
    leaked = np.intersect1d(rows.astype(np.int64) * matrix.shape[1] + columns, test_pairs)
    if len(leaked):
        received = f"{len(leaked):,} pairs in {type(part).__name__}.{name}"
        raise FitError("leak: a part has learned test events", received=received,
                       remedy="fit on train alone")  # fmt: skip


def _check_times(behaviour: Behaviour, config: Config) -> None:  # noqa: ARG001 - same signature for all
    """Raise where an event of valid or test is older than the newest train event."""
    times = {name: behaviour[name].times for name in SPLITS}
    if any((values == NO_TIME).any() for values in times.values()):
        raise DataError("events without a time", received="protocol global_time",
                        remedy="use protocol compat")  # fmt: skip
    for first, second in itertools.combinations(SPLITS, 2):
        if len(times[first]) and len(times[second]):
            newest, oldest = int(times[first].max()), int(times[second].min())
            if oldest < newest:
                received = f"{oldest} s before {newest} s"
                raise DataError(f"leak: {second} has events older than the newest of {first}",
                                received=received,
                                remedy="set data.split.use global_time")  # fmt: skip


def _check_one_pair(behaviour: Behaviour, config: Config) -> None:  # noqa: ARG001 - same signature for all
    """Raise where valid or test has more than one pair of a user."""
    for name in ("valid", "test"):
        events = behaviour[name]
        counts = np.bincount(_pairs(events) // events.shape[1], minlength=events.shape[0])
        if counts.max(initial=0) > 1:
            received = f"{counts.max()} pairs of user {counts.argmax()}"
            raise DataError(f"leave_one_out has more than one pair of a user in {name}",
                            received=received,
                            remedy="set data.split.use leave_one_out")  # fmt: skip


def _check_order(behaviour: Behaviour, config: Config) -> None:  # noqa: ARG001 - same signature for all
    """Raise where an event is older than the user's newest event of an earlier split."""
    newest = np.full(behaviour["train"].shape[0], NO_TIME)
    for name in SPLITS:
        events = behaviour[name]
        if (events.times == NO_TIME).any():
            raise DataError("events without a time", received="protocol next_item",
                            remedy="set data.columns.time, if only to positions")  # fmt: skip
        late = np.flatnonzero(events.times < newest[events.users])
        if len(late):
            user = int(events.users[late[0]])
            received = f"{len(late):,} events, such as of user {user}"
            raise DataError(f"leak: {name} has events older than the user's earlier splits",
                            received=received,
                            remedy="set data.split.use next_item")  # fmt: skip
        np.maximum.at(newest, events.users, events.times)


def _check_new_items(behaviour: Behaviour, config: Config) -> None:
    """Raise where an item that was drawn as new to a split has events in another one."""
    taken = np.concatenate([behaviour[name].items for name in SPLITS])
    shares = SplitShares(config.data.split.valid, config.data.split.test, config.seed)
    drawn = draw_item_splits(taken, behaviour["train"].shape[1], shares)
    for split, others in ((TEST, (TRAIN, VALID)), (VALID, (TRAIN, TEST))):
        for other in others:
            leaked = np.intersect1d(behaviour[SPLITS[other]].items, np.flatnonzero(drawn == split))
            if len(leaked):
                received = f"{len(leaked):,} items, such as item {leaked[0]}"
                raise DataError(
                    f"leak: items new to {SPLITS[split]} have events in {SPLITS[other]}",
                    received=received,
                    remedy="set data.split.use new_items",
                )


_PROTOCOL_CHECKS: Mapping[str, Callable[[Behaviour, Config], None]] = {
    "global_time": _check_times,
    "leave_one_out": _check_one_pair,
    "new_items": _check_new_items,
    "next_item": _check_order,
}


def _pairs(events: Interactions) -> Ints:
    return unique_sorted(events.users * events.shape[1] + events.items)
