"""Stop a model's training where its ranking of valid is best."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from polyrec.contracts import learned, part
from polyrec.recommend.base import BaseRecommender, rank
from polyrec.training.early_stop import EarlyStop
from polyrec.types import Csr, Floats, Interactions, Ints, Query

_K = 20
_MAX_USERS = 10_000  # evaluated: more change nothing between two epochs


@part
class EarlyStoppedRecommender(BaseRecommender):
    """A recommender that is trained until its ranking of valid gets no better."""

    curve_: list[float] = learned()

    def learning_curve(self) -> Sequence[float]:
        """Return Recall@20 on valid, look by look, of the last fit; empty without valid."""
        return tuple(self.curve_)


def ranking_watch(
    score: Callable[[Query], Floats],
    train: Interactions,
    valid: Interactions | None,
    *,
    every: int = 1,
    most: int = _MAX_USERS,
    repeats: bool = False,
) -> EarlyStop | None:
    """Return a watch of Recall@20 on valid, train hidden; None where there are no users for it.

    Every so many epochs, of at most so many users, evenly spread and always the same. With
    `repeats`, histories keep items that were taken again, and nothing is hidden.
    `score(query)` gives (b, n) from the module as it stands between two epochs.
    """
    if valid is None:
        return None
    relevant = valid.positives()
    users = subsample(evaluable_users(train, relevant), most)
    if not len(users):
        return None
    query = train.sequences(users) if repeats else train.histories(users)
    targets = relevant[users].astype(bool)
    counts = np.diff(targets.indptr)

    def recall() -> float:
        lists = rank(score, query, _K, hide_seen=not repeats).items
        rows = np.repeat(np.arange(len(users)), _K)
        listed = lists.ravel() >= 0
        if not listed.any():  # everyone has taken everything
            return 0.0
        hits = np.asarray(targets[rows[listed], lists.ravel()[listed]], np.float64).ravel()
        totals = np.bincount(rows[listed], weights=hits, minlength=len(users))
        return float((totals / counts).mean())

    return EarlyStop(recall, f"valid recall@{_K}", higher_is_better=True, every=every)


def evaluable_users(train: Interactions, relevant: Csr) -> Ints:
    """Return the users with train events and items in `relevant` (u, n), ascending."""
    active = np.zeros(train.shape[0], bool)
    active[train.users] = True
    return np.flatnonzero(active & (np.diff(relevant.indptr) > 0))


def subsample(users: Ints, most: int) -> Ints:
    """Return at most so many of the users, evenly spread."""
    return users[:: max(1, -(-len(users) // most))]
