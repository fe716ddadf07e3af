"""Part behaviour into train, valid and test so that no user-item pair lies in two parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from polyrec.config import SplitConfig
from polyrec.data.order import order_by
from polyrec.errors import DataError
from polyrec.types import NO_TIME, Interactions, Ints

TRAIN, VALID, TEST, DROPPED = 0, 1, 2, -1
NAMES = ("train", "valid", "test")
_KNOWN = 0.1  # the share of a user's pairs with known items that goes to valid, and to test

Codes: TypeAlias = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Shares:
    """The parts of everything that go to valid and to test, and the seed of what is random."""

    valid: float
    test: float
    seed: int


def split(config: SplitConfig, events: Interactions, given: Codes | None, *, seed: int) -> Codes:
    """Return (e,) the part of each event: TRAIN, VALID, TEST or DROPPED."""
    use = config.use
    if use == "auto":
        timed = bool(len(events)) and bool((events.times != NO_TIME).all())
        use = "given" if given is not None else "user_time" if timed else "random"
    if use == "given":
        if given is None:
            raise DataError(
                "the data bring no split", received="split: given", remedy="map data.columns.split"
            )
        return given
    if use in ("user_time", "global_time") and (events.times == NO_TIME).any():
        raise DataError("events without a time", received=use, remedy="use split random")
    return _SPLITS[use](events, Shares(config.valid, config.test, seed))


def random(events: Interactions, shares: Shares) -> Codes:
    """Return parts drawn per user at random."""
    return _per_user(events, _shuffled(events, shares.seed), _portions(shares))


def user_time(events: Interactions, shares: Shares) -> Codes:
    """Return parts per user in time: the last share is test, the one before valid."""
    return _per_user(events, events.times, _portions(shares))


def leave_one_out(events: Interactions, shares: Shares) -> Codes:
    """Return each user's last pair as test and the last but one as valid (random without times)."""
    timed = (events.times != NO_TIME).all()
    order = events.times if timed else _shuffled(events, shares.seed)
    return _per_user(events, order, lambda counts: (np.minimum(counts, 1), np.minimum(counts, 1)))


def global_time(events: Interactions, shares: Shares) -> Codes:
    """Return parts cut at two moments, the same for all users.

    Later events on a pair that an earlier part knows already are DROPPED: a repetition is no
    discovery.
    """
    # rounded: 1 - .2 - .2 is a hair above .6, and would take one event more
    marks = np.round([1 - shares.valid - shares.test, 1 - shares.test], 9)
    first, second = np.quantile(events.times, marks, method="inverted_cdf")
    codes = (events.times > first).astype(np.int8) + (events.times > second)
    pairs = _pairs(events)
    order = order_by(pairs, codes)
    fresh = np.r_[True, pairs[order][1:] != pairs[order][:-1]]
    earliest = codes[order][np.maximum.accumulate(np.where(fresh, np.arange(len(order)), 0))]
    parts = np.empty(len(order), np.int8)
    parts[order] = np.where(codes[order] == earliest, codes[order], DROPPED)
    return parts


def new_items(events: Interactions, shares: Shares) -> Codes:
    """Return parts in which some items are new: all they ever had lies in valid, or in test.

    Of what a user did with the other items, the last tenth is test and the one before valid (in
    time; at random without times): lists are asked for known and for new items alike.
    """
    drawn = drawn_items(events.items, events.shape[1], shares)
    known = np.flatnonzero(drawn[events.items] == TRAIN)
    timed = (events.times != NO_TIME).all()
    order = events.times if timed else _shuffled(events, shares.seed)
    few = Shares(min(shares.valid, _KNOWN), min(shares.test, _KNOWN), shares.seed)
    parts = drawn[events.items]
    parts[known] = _per_user(events.take(known), order[known], _portions(few))
    return parts


def drawn_items(taken: Ints, items: int, shares: Shares) -> Codes:
    """Return (n,) the part that each item is drawn for, evenly over popularity; most are TRAIN.

    `taken` (e,) are the items of all events, in any order; one nobody took stays in TRAIN.
    """
    counts = np.bincount(taken, minlength=items)
    generator = np.random.default_rng(shares.seed)
    ordered = np.lexsort((generator.random(len(counts)), -counts))
    ordered = ordered[counts[ordered] > 0]
    place = np.concatenate(
        [
            generator.permutation(len(block)) / len(block)
            for block in np.split(ordered, range(20, len(ordered), 20))
        ]
    )
    parts = np.zeros(items, np.int8)
    # rounded: .2 + .1 is a hair above .3, and would take one item of each twenty more
    parts[ordered[place < np.round(shares.test + shares.valid, 9)]] = VALID
    parts[ordered[place < shares.test]] = TEST
    return parts


_SPLITS: Mapping[str, Callable[[Interactions, Shares], Codes]] = {
    "random": random,
    "user_time": user_time,
    "leave_one_out": leave_one_out,
    "global_time": global_time,
    "new_items": new_items,
}

_Portion: TypeAlias = Callable[[Ints], tuple[Ints, Ints]]


def _portions(shares: Shares) -> _Portion:
    def portion(counts: Ints) -> tuple[Ints, Ints]:
        sizes = [
            np.maximum(np.rint(counts * share), share > 0).astype(np.int64)
            for share in (shares.valid, shares.test)
        ]
        return sizes[0], sizes[1]

    return portion


def _per_user(events: Interactions, order: Ints, portion: _Portion) -> Codes:
    """Return parts by a pair's rank among its user's; users under 3 pairs stay in train."""
    by_pair = order_by(_pairs(events), order)
    pairs = _pairs(events)[by_pair]
    fresh = np.r_[True, pairs[1:] != pairs[:-1]] if len(pairs) else np.zeros(0, bool)
    first = by_pair[fresh]  # the event that decides for its pair
    ranked = first[order_by(events.users[first], order[first], events.items[first])]
    users = events.users[ranked]
    counts = np.bincount(users, minlength=events.shape[0])
    place = np.arange(len(ranked)) - np.searchsorted(users, np.arange(events.shape[0]))[users]
    valid, test = portion(counts)
    few = counts < 3
    valid, test = np.where(few, 0, valid)[users], np.where(few, 0, test)[users]
    left = counts[users] - place  # 1 for the last pair
    codes = np.where(left <= test, TEST, np.where(left <= test + valid, VALID, TRAIN))
    of_event = np.empty(len(events), np.int8)
    of_event[ranked] = codes.astype(np.int8)
    parts = np.empty(len(events), np.int8)
    parts[by_pair] = of_event[first][np.cumsum(fresh) - 1]
    return parts


def _pairs(events: Interactions) -> Ints:
    return events.users * events.shape[1] + events.items


def _shuffled(events: Interactions, seed: int) -> Ints:
    return np.random.default_rng(seed).permutation(len(events))
