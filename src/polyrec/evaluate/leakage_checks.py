"""Leaks fail a run: what a model may not have known is looked for here, before and after it learns.

Parts are given train (and some, to stop by, valid) and nothing else; these guards find what went
wrong before that, in the split, and what a part came to know by another way.
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
    """Raise `DataError` where pairs lie in two parts, no test is left, or a protocol is broken."""
    if not len(behaviour["test"]):
        remedy = "a bundle that learned from all behaviour tells in report.json what it reached"
        raise DataError("nothing is left to test on", received="no test events", remedy=remedy)
    pairs = {name: _pairs(behaviour[name]) for name in SPLITS}
    for first, second in itertools.combinations(SPLITS, 2):
        shared = np.intersect1d(pairs[first], pairs[second], assume_unique=True)
        if len(shared):
            row, column = divmod(int(shared[0]), behaviour["train"].shape[1])
            received = f"{len(shared):,} pairs, such as user {row} with item {column}"
            raise DataError(f"leak: user-item pairs in both {first} and {second}",
                            received=received, remedy="set data.split.use")  # fmt: skip
    guard = _GUARDS.get(config.evaluate.protocol)
    if guard is not None:
        guard(behaviour, config)


def check_fitted_parts(parts: Iterable[object], behaviour: Behaviour) -> None:
    """Raise `FitError` where what one of the parts has learned holds behaviour of test.

    Looked at are the learned attributes: (u, n) sparse matrices may hold no pair of test, and
    `popularity_` (n,) must not tell apart items that nobody took in train or valid.
    """
    known = np.zeros(behaviour["train"].shape[1], bool)
    for name in ("train", "valid"):
        known[behaviour[name].items] = True
    for part in parts:
        for name, value in vars(part).items():
            if name == "popularity_" and np.shape(value) == known.shape:
                _same_for_unknown(part, np.asarray(value), ~known)
            elif sparse.issparse(value) and value.shape == behaviour["train"].shape:
                _without_pairs(part, name, value, _pairs(behaviour["test"]))


def _same_for_unknown(part: object, counts: Ints, unknown: Bools) -> None:
    if len(np.unique(counts[unknown])) > 1:
        item = int(np.flatnonzero(unknown)[counts[unknown].argmax()])
        received = f"popularity of item {item} in {type(part).__name__}"
        raise FitError("leak: items that only test knows are counted", received=received,
                       remedy="fit on train alone")  # fmt: skip


def _without_pairs(part: object, name: str, matrix: sparse.sparray, hidden: Ints) -> None:
    rows, columns = sparse.coo_array(matrix).coords
    held = np.intersect1d(rows.astype(np.int64) * matrix.shape[1] + columns, hidden)
    if len(held):
        received = f"{len(held):,} pairs in {type(part).__name__}.{name}"
        raise FitError("leak: test events are in what was learned", received=received,
                       remedy="fit on train alone")  # fmt: skip


def _in_time(behaviour: Behaviour, config: Config) -> None:  # noqa: ARG001 - one form for all
    """Raise where something of valid or test is older than the newest train event."""
    times = {name: behaviour[name].times for name in SPLITS}
    if any((found == NO_TIME).any() for found in times.values()):
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


def _one_each(behaviour: Behaviour, config: Config) -> None:  # noqa: ARG001 - one form for all
    """Raise where more than one pair of a user was left out for a part."""
    for name in ("valid", "test"):
        part = behaviour[name]
        counts = np.bincount(_pairs(part) // part.shape[1], minlength=part.shape[0])
        if counts.max(initial=0) > 1:
            received = f"{counts.max()} pairs of user {counts.argmax()}"
            raise DataError(f"leave_one_out has more than one pair of a user in {name}",
                            received=received,
                            remedy="set data.split.use leave_one_out")  # fmt: skip


def _new(behaviour: Behaviour, config: Config) -> None:
    """Raise where an item that was drawn as new has events in an earlier part."""
    taken = np.concatenate([behaviour[name].items for name in SPLITS])
    split = config.data.split
    shares = SplitShares(split.valid, split.test, config.seed)
    drawn = draw_item_splits(taken, behaviour["train"].shape[1], shares)
    for part, earlier in ((TEST, (TRAIN, VALID)), (VALID, (TRAIN, TEST))):
        for code in earlier:
            seen = np.intersect1d(behaviour[SPLITS[code]].items, np.flatnonzero(drawn == part))
            if len(seen):
                received = f"{len(seen):,} items, such as item {seen[0]}"
                raise DataError(f"leak: items new to {SPLITS[part]} have events in {SPLITS[code]}",
                                received=received,
                                remedy="set data.split.use new_items")  # fmt: skip


_GUARDS: Mapping[str, Callable[[Behaviour, Config], None]] = {
    "global_time": _in_time,
    "leave_one_out": _one_each,
    "new_items": _new,
}


def _pairs(part: Interactions) -> Ints:
    return unique_sorted(part.users * part.shape[1] + part.items)
