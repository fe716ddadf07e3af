"""Stop a model's training where its ranking of valid is best."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from polyrec.contracts import Recommender
from polyrec.recommend.base import rank
from polyrec.training.early_stop import Watch
from polyrec.types import Csr, Floats, Interactions, Ints, Query, Views

_K = 20
_MOST = 10_000  # users asked: more tell nothing new between two epochs


def fit(
    model: Recommender, train: Interactions, items: Views, valid: Interactions | None = None
) -> Recommender:
    """Return the fitted model; one whose class says `stops_on_valid` may look at valid meanwhile.

    Such a model has `fit(train, items, valid=None)`. It never learns from valid, which tells it
    when to stop.
    """
    if valid is not None and len(valid) and getattr(model, "stops_on_valid", False):
        return model.fit(train, items, valid=valid)
    return model.fit(train, items)


def ranking_watch(
    score: Callable[[Query], Floats],
    train: Interactions,
    valid: Interactions | None,
    *,
    every: int = 1,
    most: int = _MOST,
) -> Watch | None:
    """Return a watch of Recall@20 on valid, train hidden; None where nobody can be asked.

    Every so many epochs, of at most so many users, evenly spread and always the same.

    `score(query)` gives (b, n) from the module as it stands between two epochs.
    """
    if valid is None:
        return None
    relevant = valid.positives()
    users = thinned(askable(train, relevant), most)
    if not len(users):
        return None
    query = train.histories(users)
    wanted = relevant[users].astype(bool)
    counts = np.diff(wanted.indptr)

    def recall() -> float:
        lists = rank(score, query, _K, hide_seen=True).items
        rows = np.repeat(np.arange(len(users)), _K)
        listed = lists.ravel() >= 0
        if not listed.any():  # everyone has taken everything
            return 0.0
        hits = np.asarray(wanted[rows[listed], lists.ravel()[listed]], np.float64).ravel()
        found = np.bincount(rows[listed], weights=hits, minlength=len(users))
        return float((found / counts).mean())

    return Watch(recall, f"valid recall@{_K}", higher=True, every=every)


def askable(train: Interactions, relevant: Csr) -> Ints:
    """Return the users with train events and items in `relevant` (u, n), ascending."""
    active = np.zeros(train.shape[0], bool)
    active[train.users] = True
    return np.flatnonzero(active & (np.diff(relevant.indptr) > 0))


def thinned(users: Ints, most: int) -> Ints:
    """Return at most so many of the users, evenly spread."""
    return users[:: max(1, -(-len(users) // most))]
