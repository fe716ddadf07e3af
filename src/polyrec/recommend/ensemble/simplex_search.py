"""Choose the weights of several recommenders that rank valid best: a search on the simplex."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from polyrec.index.topk import top_k
from polyrec.recommend.base import hide_history
from polyrec.recommend.early_stopping import evaluable_users, subsample
from polyrec.types import Bools, Csr, Floats, Interactions, Ints, Query

_K = 20
_CANDIDATES = 60  # best items of each member: the blend's 20 are among them
_MAX_USERS = 5_000
_STEPS = (0.4, 0.2, 0.1, 0.05, 0.025)  # weight moved between two members
_DUPLICATE = np.float32(-1e9)  # below all, and finite: a weight of 0 keeps it a number
_BATCH_BYTES = 64 * 2**20

MemberScores = Callable[[Query], Sequence[Floats]]
"""Returns the (b, n) standardised scores of every member."""


@dataclass(frozen=True)
class Candidates:
    """The scores of all members for c candidate items of each of u users."""

    scores: Floats  # (u, c, m), _DUPLICATE where an item comes again
    hits: Bools  # (u, c)
    relevant: Ints  # (u,) number of relevant items

    @classmethod
    def of(cls, score: MemberScores, train: Interactions, valid: Interactions) -> Candidates | None:
        """Collect them for users with train and valid events; None where there are none."""
        matrix = valid.positives()
        users = subsample(evaluable_users(train, matrix), _MAX_USERS)
        if not len(users):
            return None
        size = max(1, _BATCH_BYTES // (4 * train.shape[1]))
        batches = [users[start : start + size] for start in range(0, len(users), size)]
        pieces = [_collect(score(q), q, matrix[u]) for u in batches for q in [train.histories(u)]]
        scores, hits = (np.concatenate(arrays) for arrays in zip(*pieces, strict=True))
        return cls(scores, hits, np.diff(matrix.indptr)[users])

    def quality(self, weights: Floats) -> float:
        """Return Recall@20 + NDCG@20 of the weighted sum."""
        total = self.scores @ weights
        k = min(_K, total.shape[1])
        best = np.argpartition(-total, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(total, best, axis=1), axis=1, kind="stable")
        hits = np.take_along_axis(self.hits, np.take_along_axis(best, order, axis=1), axis=1)
        gains = 1 / np.log2(np.arange(2, k + 2))
        ideal = np.cumsum(gains)[np.minimum(self.relevant, k) - 1]
        return float((hits.sum(axis=1) / self.relevant + hits @ gains / ideal).mean())


def best_weights(candidates: Candidates) -> Floats:
    """Return (m,) weights, at least 0 and adding up to 1, with the best quality.

    Two hill climbs, from equal weights and from the best member alone: weight moves between two
    members as long as that is better, in ever smaller steps. Recall is flat almost everywhere, so
    there is no gradient to follow.
    """
    members = candidates.scores.shape[2]
    single = np.eye(members, dtype=np.float32)
    best = max(single, key=candidates.quality)
    equal = np.full(members, 1 / members, np.float32)
    return max((_climb(candidates, start) for start in (equal, best)), key=candidates.quality)


def _climb(candidates: Candidates, weights: Floats) -> Floats:
    reached = candidates.quality(weights)
    for step in _STEPS:
        improved = True
        while improved:
            improved = False
            for source, target in permutations(range(len(weights)), 2):
                moved = _move(weights, source, target, step)
                changed = moved[source] != weights[source]
                quality = candidates.quality(moved) if changed else reached
                if quality > reached:
                    weights, reached, improved = moved, quality, True
    return weights


def _move(weights: Floats, source: int, target: int, step: float) -> Floats:
    moved = weights.copy()
    amount = min(np.float32(step), moved[source])
    moved[source] -= amount
    moved[target] += amount
    return moved


def _collect(scores: Sequence[Floats], query: Query, relevant: Csr) -> tuple[Floats, Bools]:
    """Return (b, c, m) scores and (b, c) hits of the best unseen items of every member."""
    lists = []
    for member in scores:
        unseen = member.copy()
        hide_history(unseen, query)
        lists.append(top_k(unseen, _CANDIDATES)[0])
    items = np.sort(np.concatenate(lists, axis=1), axis=1)
    duplicate = items < 0
    duplicate[:, 1:] |= items[:, 1:] == items[:, :-1]
    columns = np.maximum(items, 0)
    candidates = np.stack([np.take_along_axis(s, columns, axis=1) for s in scores], axis=2)
    candidates[duplicate] = _DUPLICATE
    hits = np.zeros(scores[0].shape, bool)
    hits[np.repeat(np.arange(len(query)), np.diff(relevant.indptr)), relevant.indices] = True
    return candidates, np.take_along_axis(hits, columns, axis=1) & ~duplicate
