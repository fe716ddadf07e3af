"""Turn views onto an anchor though it is not known, or only in part, which rows belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import logsumexp

from polyrec.align.anchor import AnchoredAligner
from polyrec.align.procrustes import nearest_rotation
from polyrec.align.whiten import Doubles
from polyrec.types import Ints

_PROFILE = 64  # quantiles by which a row's likeness to all others is told
_TINY = 1e-12


@dataclass
class SinkhornOT(AnchoredAligner):
    """Optimal transport between the unpaired rows, Procrustes between what it matches, in turns.

        T = argmin <T, 1 - cos(X Q, Y)> - eps H(T),  T 1 = 1/n, T'1 = 1/m    (Cuturi, NIPS 2013)
        Q = rotation(X' T Y + pairs X_p'Y_p / |p|)                           (Grave et al., 2019)

    Items with both views are the pairs; the others, at most `rows` of each view, are transported.
    Without any pair it starts from how like each row is to all others, which a rotation leaves as
    it is (Artetxe et al., ACL 2018): that finds its way only where both views have much the same
    shape, so look at the measures before trusting it.

    >>> from polyrec.types import Embeddings
    >>> rows = np.random.default_rng(0).normal(size=(90, 2)).astype(np.float32)
    >>> first = np.arange(90) < 60
    >>> views = {"a": Embeddings(rows, first), "b": Embeddings(rows[:, ::-1], np.arange(90) >= 30)}
    >>> both = SinkhornOT(width=2).fit(views, None).align(views)
    >>> bool(np.allclose(both["a"].vectors[30:60], both["b"].vectors[30:60], atol=0.6))
    True
    """

    epsilon: float = 0.05
    steps: int = 50  # of Sinkhorn in each round
    rounds: int = 6
    rows: int = 1000  # of each view that are transported
    pairs: float = 1.0  # weight of what is known against what is transported
    seed: int = 7

    space: ClassVar[str] = "sinkhorn"

    def turn(
        self, rows: Mapping[str, Doubles], name: str, anchor: str, both: np.ndarray
    ) -> Doubles:
        """Return the (width, width) rotation."""
        here, there = (np.flatnonzero(rows[view].any(axis=1)) for view in (name, anchor))
        mine, theirs = rows[name][self._some(here, both)], rows[anchor][self._some(there, both)]
        known = np.zeros((self.width, self.width))
        if both.any():
            known = self.pairs * rows[name][both].T @ rows[anchor][both] / both.sum()
        if not len(mine) or not len(theirs):
            return nearest_rotation(known) if both.any() else known
        if known.any():
            turned = nearest_rotation(known)
        else:
            turned = nearest_rotation(
                mine.T @ sinkhorn_plan(_unlike(mine, theirs), self.epsilon, self.steps) @ theirs
            )
        for _ in range(self.rounds):
            cost = 1 - _unit(mine @ turned) @ _unit(theirs).T
            plan = sinkhorn_plan(cost, self.epsilon, self.steps)
            turned = nearest_rotation(mine.T @ plan @ theirs + known)
        return turned

    def _some(self, present: Ints, both: np.ndarray) -> Ints:
        """Return the rows to transport: those without a partner, or all where there is no pair."""
        alone = present[~both[present]] if both.any() else present
        if len(alone) <= self.rows:
            return alone
        return np.sort(np.random.default_rng(self.seed).choice(alone, self.rows, replace=False))


def sinkhorn_plan(cost: Doubles, epsilon: float, steps: int) -> Doubles:
    """Return the (n, m) plan with even margins that Sinkhorn's steps reach, in the log domain."""
    count, other = cost.shape
    kernel = -cost / epsilon
    left, right = np.zeros(count), np.zeros(other)
    for _ in range(steps):
        left = -np.log(count) - logsumexp(kernel + right, axis=1)
        right = -np.log(other) - logsumexp(kernel + left[:, None], axis=0)
    return np.asarray(np.exp(kernel + left[:, None] + right))


def _unlike(mine: Doubles, theirs: Doubles) -> Doubles:
    """Return (n, m) how differently two rows are like the others of their own views."""
    marks = np.linspace(0, 1, _PROFILE)
    one, two = (np.quantile(_unit(x) @ _unit(x).T, marks, axis=1).T for x in (mine, theirs))
    distance = ((one[:, None] - two[None]) ** 2).sum(axis=2)
    return np.asarray(distance / max(float(distance.mean()), _TINY))


def _unit(rows: Doubles) -> Doubles:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _TINY))
