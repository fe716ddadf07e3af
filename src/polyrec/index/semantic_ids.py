"""Semantic ids: a short code per item, in which similar items share their first tokens.

Level by level, k-means quantises what the levels before it leave of a row (Juang & Gray, ICASSP
1982); a code is the cluster of each level. Rajput et al., "Recommender systems with generative
retrieval" (TIGER), NeurIPS 2023, learn such codes with an RQ-VAE.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from polyrec.errors import FitError
from polyrec.index.vectors import unit_rows
from polyrec.types import Bools, Floats, Ints

_PAIRS = 2**22  # compared at once


@dataclass
class ResidualKMeans:
    """Codes of rows by residual k-means: `levels` tokens of `size` values each.

    Empty clusters are moved to the rows that lie farthest from their centre. With fewer rows than
    `size`, the rows themselves are the centres.

    >>> rows = np.float32([[0, 0], [0, 1], [9, 0], [9, 1]])
    >>> codes = ResidualKMeans(levels=2, size=2).fit(rows).encode(rows)
    >>> len(np.unique(codes, axis=0))
    4
    """

    levels: int = 3
    size: int = 64
    rounds: int = 20
    seed: int = 7
    codebooks: list[Floats] = field(default_factory=list, init=False, repr=False)  # (size, d) each

    def fit(self, rows: Floats) -> ResidualKMeans:
        """Learn a codebook per level; rows that are not finite raise `FitError`."""
        if self.levels < 1 or self.size < 1:
            raise FitError("levels and size must be over 0", received=(self.levels, self.size),
                           remedy="give levels 3 and size 64, say")  # fmt: skip
        if not np.isfinite(rows).all():
            raise FitError("rows are not finite", received=f"{len(rows):,} rows",
                           remedy="look for broken rows in the features")  # fmt: skip
        generator = np.random.default_rng(self.seed)
        self.codebooks, rest = [], rows.astype(np.float32)
        for _ in range(self.levels):
            centres = k_means(rest, self.size, rounds=self.rounds, generator=generator)
            self.codebooks.append(centres)
            rest = rest - centres[nearest_centres(rest, centres)]
        return self

    def encode(self, rows: Floats) -> Ints:
        """Return (n, levels) codes."""
        return quantise(rows, self.codebooks)

    def decode(self, codes: Ints) -> Floats:
        """Return (n, d) rows: the sum of each code's centres."""
        parts = [book[codes[:, level]] for level, book in enumerate(self.codebooks)]
        return np.asarray(np.sum(parts, axis=0), np.float32)


def quantise(rows: Floats, codebooks: list[Floats]) -> Ints:
    """Return (n, levels) the nearest centre of each level to what the levels before it leave."""
    rest, codes = rows.astype(np.float32), []
    for centres in codebooks:
        codes.append(nearest_centres(rest, centres))
        rest = rest - centres[codes[-1]]
    return np.stack(codes, axis=1)


def k_means(rows: Floats, size: int, *, rounds: int = 20, generator: np.random.Generator) -> Floats:
    """Return (min(size, n), d) centres by Lloyd's algorithm from distinct rows; one row at least.

    Started by k-means++ (Arthur & Vassilvitskii, SODA 2007); no rows have a centre at 0.
    """
    if not len(rows):
        return np.zeros((1, rows.shape[1]), np.float32)
    centres = _spread_rows(rows, min(size, len(rows)), generator)
    for _ in range(rounds):
        owners = nearest_centres(rows, centres)
        counts = np.bincount(owners, minlength=len(centres))
        sums = np.zeros(centres.shape, np.float64)
        np.add.at(sums, owners, rows)
        moved = np.asarray(sums / np.maximum(counts, 1)[:, None], np.float32)
        empty = np.flatnonzero(counts == 0)
        distances = ((rows - centres[owners]) ** 2).sum(axis=1)
        moved[empty] = rows[np.argsort(-distances, kind="stable")[: len(empty)]]
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres


def _spread_rows(rows: Floats, size: int, generator: np.random.Generator) -> Floats:
    """Return (size, d) rows drawn by k-means++: far from those that were drawn before."""
    drawn = [int(generator.integers(len(rows)))]
    distances = np.full(len(rows), np.inf)
    for _ in range(1, size):
        distances = np.minimum(distances, ((rows - rows[drawn[-1]]) ** 2).sum(axis=1))
        total = distances.sum()
        shares = distances / total if total > 0 else None  # all rows are centres already
        drawn.append(int(generator.choice(len(rows), p=shares)))
    return np.asarray(rows[drawn], np.float32)


def nearest_centres(rows: Floats, centres: Floats) -> Ints:
    """Return (n,) the number of the nearest centre to each row; the lower one of equals."""
    lengths = (centres**2).sum(axis=1) / 2
    return np.asarray((rows @ centres.T - lengths).argmax(axis=1), np.int64)


def number_collisions(codes: Ints, *, known: Ints | None = None) -> Ints:
    """Return (n,) a number for each item among the items of the same code, in order, from 0.

    As a last token it makes codes unique. `known` (m, levels) are items that were numbered before.

    >>> number_collisions(np.array([[0, 1], [2, 2], [0, 1]]))
    array([0, 0, 1])
    """
    first = 0 if known is None else len(known)
    joined = codes if known is None else np.concatenate([known, codes])
    _, groups = np.unique(joined, axis=0, return_inverse=True)
    groups = groups.reshape(-1)
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], groups[order])
    numbers = np.empty(len(joined), np.int64)
    numbers[order] = np.arange(len(joined)) - starts
    return numbers[first:]


def near_duplicates(
    rows: Floats, present: Bools, codes: Ints, *, similarity: float = 0.95
) -> list[tuple[int, int, float]]:
    """Return pairs of items (lower number first) with their cosine, the most similar first.

    Compared are items whose codes differ in the last level at most, in place of all n^2 / 2 pairs;
    pairs that k-means parts at an earlier level are missed.
    """
    unit = unit_rows(rows, present)
    items = np.flatnonzero(present)
    _, groups = np.unique(codes[items, :-1], axis=0, return_inverse=True)
    groups = groups.reshape(-1)
    pairs = []
    for group in range(int(groups.max(initial=-1)) + 1):
        members = items[groups == group]
        step = max(1, _PAIRS // max(1, len(members)))
        for start in range(0, len(members), step):
            cosines = unit[members[start : start + step]] @ unit[members].T
            for row, column in zip(*np.nonzero(cosines >= similarity), strict=True):
                if start + row < column:
                    pair = int(members[start + row]), int(members[column])
                    pairs.append((*pair, float(cosines[row, column])))
    return sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1]))
