"""Rotate every view onto an anchor by optimal transport, with few pairs or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from scipy.special import logsumexp

from polyrec.align.anchor import AnchoredAligner
from polyrec.align.procrustes import nearest_rotation
from polyrec.align.whiten import Doubles
from polyrec.contracts import part
from polyrec.types import Bools, Ints

_QUANTILES = 64  # of a row's cosines to all others: its profile
_TINY = 1e-12


@part
class SinkhornOT(AnchoredAligner):
    """Optimal transport between the unpaired rows and Procrustes on what it matches, alternating.

        T = argmin <T, 1 - cos(X Q, Y)> - eps H(T),  T 1 = 1/n, T'1 = 1/m    (Cuturi, NIPS 2013)
        Q = rotation(X' T Y + pairs X_p'Y_p / |p|)                           (Grave et al., 2019)

    Items with both views are the pairs; the others, at most `rows` of each view, are transported.
    Without any pair it starts from each row's similarities to all others, which a rotation leaves
    as they are (Artetxe et al., ACL 2018): that converges only where both views have much the same
    shape, so check the measures before you trust it.

    >>> from polyrec.types import Embeddings
    >>> rows = np.random.default_rng(0).normal(size=(90, 2)).astype(np.float32)
    >>> first = np.arange(90) < 60
    >>> views = {"a": Embeddings(rows, first), "b": Embeddings(rows[:, ::-1], np.arange(90) >= 30)}
    >>> aligned = SinkhornOT(width=2).fit(views, None).align(views)
    >>> bool(np.allclose(aligned["a"].vectors[30:60], aligned["b"].vectors[30:60], atol=0.6))
    True
    """

    epsilon: float = 0.05
    steps: int = 50  # of Sinkhorn in each round
    rounds: int = 6
    rows: int = 1000  # of each view that are transported
    pairs: float = 1.0  # weight of the pairs against the transported rows
    seed: int = 7

    space: ClassVar[str] = "sinkhorn"

    def anchor_map(
        self, rows: Mapping[str, Doubles], name: str, anchor: str, paired: Bools
    ) -> Doubles:
        """Return the (width, width) rotation."""
        x, y = (
            rows[view][self._unpaired(np.flatnonzero(rows[view].any(axis=1)), paired)]
            for view in (name, anchor)
        )
        from_pairs = np.zeros((self.width, self.width))
        if paired.any():
            from_pairs = self.pairs * rows[name][paired].T @ rows[anchor][paired] / paired.sum()
        if not len(x) or not len(y):
            return nearest_rotation(from_pairs) if paired.any() else from_pairs
        start = from_pairs
        if not from_pairs.any():
            start = x.T @ sinkhorn_plan(_profile_distances(x, y), self.epsilon, self.steps) @ y
        rotation = nearest_rotation(start)
        for _ in range(self.rounds):
            cost = 1 - _unit(x @ rotation) @ _unit(y).T
            plan = sinkhorn_plan(cost, self.epsilon, self.steps)
            rotation = nearest_rotation(x.T @ plan @ y + from_pairs)
        return rotation

    def _unpaired(self, present: Ints, paired: Bools) -> Ints:
        """Return the rows to transport: the unpaired ones, or all where there is no pair."""
        unpaired = present[~paired[present]] if paired.any() else present
        if len(unpaired) <= self.rows:
            return unpaired
        generator = np.random.default_rng(self.seed)
        return np.sort(generator.choice(unpaired, self.rows, replace=False))


def sinkhorn_plan(cost: Doubles, epsilon: float, steps: int) -> Doubles:
    """Return the (n, m) plan with even margins that Sinkhorn's steps reach, in the log domain."""
    rows, columns = cost.shape
    kernel = -cost / epsilon
    left, right = np.zeros(rows), np.zeros(columns)
    for _ in range(steps):
        left = -np.log(rows) - logsumexp(kernel + right, axis=1)
        right = -np.log(columns) - logsumexp(kernel + left[:, None], axis=0)
    return np.asarray(np.exp(kernel + left[:, None] + right))


def _profile_distances(x: Doubles, y: Doubles) -> Doubles:
    """Return (n, m) squared distances of rows' profiles: quantiles of cosines within a view."""
    levels = np.linspace(0, 1, _QUANTILES)
    p, q = (np.quantile(_unit(rows) @ _unit(rows).T, levels, axis=1).T for rows in (x, y))
    distances = ((p[:, None] - q[None]) ** 2).sum(axis=2)
    return np.asarray(distances / max(float(distances.mean()), _TINY))


def _unit(rows: Doubles) -> Doubles:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _TINY))
