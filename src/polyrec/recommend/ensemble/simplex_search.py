"""Which weights of several recommenders rank valid best: a climb on the simplex."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from polyrec.index.topk import top_k
from polyrec.recommend.early_stopping import askable, thinned
from polyrec.types import Bools, Csr, Floats, Interactions, Ints, Query

_K = 20
_NEAR = 60  # best items of each member that come into question: the blend's 20 are among them
_MOST = 5_000  # users asked
_STEPS = (0.4, 0.2, 0.1, 0.05, 0.025)  # weight that changes hands
_TWICE = np.float32(-1e9)  # below all, and finite: a weight of 0 keeps it a number
_BATCH_BYTES = 64 * 2**20

Opinions = Callable[[Query], Sequence[Floats]]
"""Gives the (b, n) standardised scores of every member."""


@dataclass(frozen=True)
class Candidates:
    """What m members think of the c items in question of each of u users."""

    scores: Floats  # (u, c, m), _TWICE where an item stands there twice
    wanted: Bools  # (u, c)
    relevant: Ints  # (u,) how many items there are to be found

    @classmethod
    def of(cls, opinions: Opinions, train: Interactions, valid: Interactions) -> Candidates | None:
        """Gather them for users with train and valid events; None where there are none."""
        matrix = valid.positives()
        users = thinned(askable(train, matrix), _MOST)
        if not len(users):
            return None
        size = max(1, _BATCH_BYTES // (4 * train.shape[1]))
        batches = [users[start : start + size] for start in range(0, len(users), size)]
        pieces = [_gather(opinions(q), q, matrix[u]) for u in batches for q in [train.histories(u)]]
        scores, wanted = (np.concatenate(part) for part in zip(*pieces, strict=True))
        return cls(scores, wanted, np.diff(matrix.indptr)[users])

    def figure(self, weights: Floats) -> float:
        """Return Recall@20 + NDCG@20 of the weighted sum."""
        total = self.scores @ weights
        k = min(_K, total.shape[1])
        best = np.argpartition(-total, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(total, best, axis=1), axis=1, kind="stable")
        hits = np.take_along_axis(self.wanted, np.take_along_axis(best, order, axis=1), axis=1)
        gains = 1 / np.log2(np.arange(2, k + 2))
        ideal = np.cumsum(gains)[np.minimum(self.relevant, k) - 1]
        return float((hits.sum(axis=1) / self.relevant + hits @ gains / ideal).mean())


def best_weights(candidates: Candidates) -> Floats:
    """Return (m,) weights, at least 0 and adding up to 1, whose figure is best.

    Two climbs, from equal weights and from the best member alone: again and again some weight
    changes hands between two members where that is better, ever less of it. Recall is flat almost
    everywhere, so there is no gradient to follow.
    """
    members = candidates.scores.shape[2]
    alone = np.eye(members, dtype=np.float32)
    best = max(alone, key=candidates.figure)
    equal = np.full(members, 1 / members, np.float32)
    return max((_climb(candidates, start) for start in (equal, best)), key=candidates.figure)


def _climb(candidates: Candidates, weights: Floats) -> Floats:
    reached = candidates.figure(weights)
    for step in _STEPS:
        improved = True
        while improved:
            improved = False
            for giver, taker in permutations(range(len(weights)), 2):
                moved = _moved(weights, giver, taker, step)
                figure = candidates.figure(moved) if moved[giver] != weights[giver] else reached
                if figure > reached:
                    weights, reached, improved = moved, figure, True
    return weights


def _moved(weights: Floats, giver: int, taker: int, step: float) -> Floats:
    moved = weights.copy()
    amount = min(np.float32(step), moved[giver])
    moved[giver] -= amount
    moved[taker] += amount
    return moved


def _gather(opinions: Sequence[Floats], query: Query, relevant: Csr) -> tuple[Floats, Bools]:
    """Return (b, c, m) scores and (b, c) who is wanted, of the best items of every member."""
    seen = np.repeat(np.arange(len(query)), np.diff(query.starts)), query.items
    lists = []
    for scores in opinions:
        unseen = scores.copy()
        unseen[seen] = -np.inf
        lists.append(top_k(unseen, _NEAR)[0])
    items = np.sort(np.concatenate(lists, axis=1), axis=1)
    twice = items < 0
    twice[:, 1:] |= items[:, 1:] == items[:, :-1]
    places = np.maximum(items, 0)
    found = np.stack([np.take_along_axis(s, places, axis=1) for s in opinions], axis=2)
    found[twice] = _TWICE
    wanted = np.zeros(opinions[0].shape, bool)
    wanted[np.repeat(np.arange(len(query)), np.diff(relevant.indptr)), relevant.indices] = True
    return found, np.take_along_axis(wanted, places, axis=1) & ~twice
