"""Split events into train, valid and test, each user-item pair into one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from polyrec.config import DataConfig, SplitConfig
from polyrec.data.sorting import order_by, unique_sorted
from polyrec.data.validation import finding_for
from polyrec.errors import DataError
from polyrec.source_tables import TableSource
from polyrec.types import NO_TIME, Bools, Finding, Interactions, Ints

TRAIN, VALID, TEST, DROPPED = 0, 1, 2, -1
SPLITS = ("train", "valid", "test")
_KNOWN_SHARE = 0.1  # of a user's pairs with known items, to valid and to test each

Codes: TypeAlias = npt.NDArray[np.int8]


@dataclass(frozen=True)
class SplitShares:
    """The shares of valid and test, and the seed."""

    valid: float
    test: float
    seed: int


def split_events(
    config: SplitConfig, events: Interactions, own_split: Codes | None, *, seed: int
) -> Codes:
    """Return (e,) the split of each event: TRAIN, VALID, TEST or DROPPED.

    `own_split` are the codes of the data's own split, if it has one.
    """
    use = config.use
    if use == "auto":
        timed = is_timed(events.times)
        use = "given" if own_split is not None else "user_time" if timed else "random"
    if use == "given":
        if own_split is None:
            remedy = "set data.columns.split"
            raise DataError("the data have no split", received="split: given", remedy=remedy)
        return own_split
    if use in ("user_time", "global_time", "next_item") and not is_timed(events.times):
        remedy = "set data.split.use random"
        raise DataError("most events have no time", received=use, remedy=remedy)
    return _METHODS[use](events, SplitShares(config.valid, config.test, seed))


def is_timed(times: Ints) -> bool:
    """Return whether at least half of the events have a time; the others count as the oldest."""
    return len(times) > 0 and bool(2 * np.count_nonzero(times != NO_TIME) >= len(times))


def check_times(
    config: DataConfig, times: Ints, own_split: Codes | None, source: TableSource
) -> list[Finding]:
    """Return a finding on events without a time, with the consequence for the split.

    Where they are dropped, more than `max_missing` raise `DataError`.
    """
    missing = np.flatnonzero(times == NO_TIME)
    use = config.split.use
    by_time = use not in ("random", "given") and (own_split is None or use != "auto")
    lines = (source.line(row) for row in missing.tolist())
    if len(missing) == len(times):
        remedy = "the split is random"
        return finding_for("note", "events without a time", lines, remedy) if by_time else []
    if use in ("global_time", "next_item"):
        if len(missing) > config.max_missing.events * len(times):
            raise DataError(
                f"{source.file}: {len(missing):,} of {len(times):,} events have no time",
                received=source.cell("time", int(missing[0])),
                remedy=f"{use} drops such events: choose another data.split.use; "
                "data.max_missing.events is the share that may be missing",
            )
        remedy = "they are dropped, as they may be later than the test events"
    elif by_time and not is_timed(times):
        remedy = "the split is random, as most events have no time: check data.columns.time"
    else:
        remedy = "they count as the oldest events of their user"
    return finding_for("warning", "events without a time", lines, remedy)


def split_random(events: Interactions, shares: SplitShares) -> Codes:
    """Draw each user's pairs at random."""
    return _per_user(events, _shuffled(events, shares.seed), _portions(shares))


def split_by_user_time(events: Interactions, shares: SplitShares) -> Codes:
    """Split each user's pairs by time: the last share is test, the share before valid."""
    return _per_user(events, events.times, _portions(shares))


def split_leave_one_out(events: Interactions, shares: SplitShares) -> Codes:
    """Take each user's last pair as test and the one before as valid; at random without times."""
    order = events.times if is_timed(events.times) else _shuffled(events, shares.seed)
    return _per_user(events, order, lambda counts: (np.minimum(counts, 1), np.minimum(counts, 1)))


def split_by_global_time(events: Interactions, shares: SplitShares) -> Codes:
    """Split at two points in time, the same for all users.

    An event on a pair that is in an earlier split already is DROPPED: it is a repetition. So are
    events without a time.
    """
    codes, timed = _time_codes(events, shares)
    pairs = _pairs(events)
    order = order_by(pairs, codes)
    starts = np.r_[True, pairs[order][1:] != pairs[order][:-1]]
    earliest = codes[order][np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))]
    parts = np.empty(len(order), np.int8)
    kept = (codes[order] == earliest) & timed[order]
    parts[order] = np.where(kept, codes[order], DROPPED)
    return parts


def split_next_item(events: Interactions, shares: SplitShares) -> Codes:
    """Split at two points in time, the same for all users; events without a time are DROPPED.

    A pair may be in several splits: to buy again is an event to predict.
    """
    codes, timed = _time_codes(events, shares)
    return np.where(timed, codes, DROPPED).astype(np.int8)


def _time_codes(events: Interactions, shares: SplitShares) -> tuple[Ints, Bools]:
    """Return (e,) the split of each event at two points in time, and whether it has a time."""
    # rounded: 1 - .2 - .2 is slightly above .6, which would take one event more
    levels = np.round([1 - shares.valid - shares.test, 1 - shares.test], 9)
    timed = events.times != NO_TIME
    first, second = np.quantile(events.times[timed], levels, method="inverted_cdf")
    return (events.times > first).astype(np.int64) + (events.times > second), timed


def split_new_items(events: Interactions, shares: SplitShares) -> Codes:
    """Make some items new: all of their events are in valid, or in test.

    Of a user's pairs with the other items, the last tenth is test and the tenth before valid (by
    time, at random without times), so that known and new items compete in one ranking.
    """
    drawn = draw_item_splits(events.items, events.shape[1], shares)
    known = np.flatnonzero(drawn[events.items] == TRAIN)
    order = events.times if is_timed(events.times) else _shuffled(events, shares.seed)
    known_shares = SplitShares(
        min(shares.valid, _KNOWN_SHARE), min(shares.test, _KNOWN_SHARE), shares.seed
    )
    parts = drawn[events.items]
    parts[known] = _per_user(events.take(known), order[known], _portions(known_shares))
    return parts


def draw_item_splits(event_items: Ints, items: int, shares: SplitShares) -> Codes:
    """Return (n,) the split that each item is drawn for, evenly over popularity; most are TRAIN.

    `event_items` (e,) are the items of all events, in any order; an item without events is TRAIN.
    """
    counts = np.bincount(event_items, minlength=items)
    generator = np.random.default_rng(shares.seed)
    ordered = np.lexsort((generator.random(len(counts)), -counts))
    ordered = ordered[counts[ordered] > 0]
    quantile = np.concatenate(
        [
            generator.permutation(len(block)) / len(block)
            for block in np.split(ordered, range(20, len(ordered), 20))
        ]
    )
    parts = np.zeros(items, np.int8)
    # rounded: .2 + .1 is slightly above .3, which would take one item of each twenty more
    parts[ordered[quantile < np.round(shares.test + shares.valid, 9)]] = VALID
    parts[ordered[quantile < shares.test]] = TEST
    return parts


_METHODS: Mapping[str, Callable[[Interactions, SplitShares], Codes]] = {
    "random": split_random,
    "user_time": split_by_user_time,
    "leave_one_out": split_leave_one_out,
    "global_time": split_by_global_time,
    "new_items": split_new_items,
    "next_item": split_next_item,
}

_Portion: TypeAlias = Callable[[Ints], tuple[Ints, Ints]]


def _portions(shares: SplitShares) -> _Portion:
    def portion(counts: Ints) -> tuple[Ints, Ints]:
        sizes = [
            np.maximum(np.rint(counts * share), share > 0).astype(np.int64)
            for share in (shares.valid, shares.test)
        ]
        return sizes[0], sizes[1]

    return portion


def _per_user(events: Interactions, order: Ints, portion: _Portion) -> Codes:
    """Split each user's pairs by their rank in `order`; users with under 3 pairs stay in train."""
    pairs = _pairs(events)
    if len(unique_sorted(pairs)) == len(pairs):
        return _by_rank(events, order, portion)
    by_pair = order_by(pairs, order)
    starts = np.diff(pairs[by_pair], prepend=-1) > 0
    first = by_pair[starts]  # the first event of a pair decides its split
    parts = np.empty(len(events), np.int8)
    parts[by_pair] = _by_rank(events.take(first), order[first], portion)[np.cumsum(starts) - 1]
    return parts


def _by_rank(pairs: Interactions, order: Ints, portion: _Portion) -> Codes:
    """Split each user's pairs by their rank in `order`; each pair is one event."""
    counts = np.bincount(pairs.users, minlength=pairs.shape[0])
    valid, test = (np.where(counts < 3, 0, size) for size in portion(counts))
    # (e,) by user and rank: 1 for a user's last pair
    left = np.repeat(np.cumsum(counts), counts) - np.arange(len(pairs))
    is_test = left <= np.repeat(test, counts)
    codes = np.where(left <= np.repeat(test + valid, counts), VALID, TRAIN)
    parts = np.empty(len(pairs), np.int8)
    parts[order_by(pairs.users, order, pairs.items)] = np.where(is_test, TEST, codes)
    return parts


def _pairs(events: Interactions) -> Ints:
    return events.users * events.shape[1] + events.items


def _shuffled(events: Interactions, seed: int) -> Ints:
    return np.random.default_rng(seed).permutation(len(events))
