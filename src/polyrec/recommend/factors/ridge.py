"""Many ridge regressions on one table: the vectors of rows whose events are known."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.linalg import lapack

from polyrec.types import Bools, Csr, Floats, Ints

_BLOCK = 2**18  # numbers held at once: 1 MiB stays in the processor's cache
_WASTE = 0.75  # rows are padded together down to this share of the longest
_NO_WEIGHT = np.float32(1e-20)  # of what pads: nothing is learned from it
_SMALL = 8  # systems up to this size are solved all in one call


class Ridge:
    """Solves each row's vector from its events, the columns' vectors being given.

        w_r = argmin sum_c |a_rc| (p_rc - w'h_c)^2 + unobserved sum_c (w'h_c)^2 + l2_r |w - m_r|^2

    a are the events' weights; p is 1, or 0 for a dislike (a < 0); the second sum is over all
    columns that are `counted`. In the axes V of H'H = V diag(g) V' the part that all rows share is
    diagonal, D = unobserved g + l2. With T the row's h'V (m, d) and A = diag(|a|), what is left is
    a system in T'AT + D, or in T D^-1 T' + A^-1 where events are fewer than axes: a row with m
    events costs min(m, d)^3 / 3 multiply-adds instead of d^3 / 3, and the result is exact.
    """

    def __init__(self, vectors: Floats, unobserved: float, *, counted: Bools | None = None) -> None:
        rows = vectors if counted is None else vectors[counted]
        strength, axes = np.linalg.eigh(rows.T @ rows)
        self.shared = (unobserved * np.maximum(strength, 0)).astype(np.float32)  # (d,)
        self.axes: Floats = axes.astype(np.float32)  # (d, d)
        self.turned: Floats = vectors @ self.axes  # (n, d)

    def solve(self, events: Csr, l2: Floats, *, means: Floats | None = None) -> Floats:
        """Return (r, d) the vectors of the (r, n) rows; l2 (r,) over 0; m is 0 where not given."""
        turned = np.zeros((events.shape[0], len(self.axes)), np.float32)
        if means is not None:
            turned[:] = l2[:, None] * (means @ self.axes) / (self.shared + l2[:, None])
        for rows, length in _blocks(np.diff(events.indptr), len(self.axes)):
            weights, columns = _padded(events, rows, length)
            known = self.turned.take(columns, axis=0)  # (b, m, d)
            target = (weights > 0).astype(np.float32)
            if means is not None:
                target -= np.matmul(known, turned[rows][:, :, None])[:, :, 0]
            turned[rows] += _least(known, np.abs(weights), target, self.shared + l2[rows, None])
        solved: Floats = turned @ self.axes.T
        return solved


def _least(known: Floats, weights: Floats, target: Floats, penalty: Floats) -> Floats:
    """Return (b, d) argmin sum_m a_m (t_m - h_m'x)^2 + x'Dx for h (b, m, d), a and t (b, m).

    `penalty` (b, d) are the diagonals D.
    """
    if known.shape[1] > known.shape[2]:
        right = np.matmul((weights * target)[:, None], known)[:, 0]  # (b, d)
        known *= np.sqrt(weights)[:, :, None]
        return _solve(known.transpose(0, 2, 1) @ known, right, penalty)
    scale = 1 / np.sqrt(penalty)
    known *= scale[:, None]
    doubt = np.reciprocal(np.maximum(weights, _NO_WEIGHT))
    inner = _solve(known @ known.transpose(0, 2, 1), target, doubt)  # (b, m)
    return np.asarray(np.matmul(inner[:, None], known)[:, 0] * scale)


def _solve(squares: Floats, right: Floats, diagonal: Floats) -> Floats:
    """Return (b, s) the solutions of (A + D) x = y for positive semidefinite A (b, s, s)."""
    size = right.shape[1]
    squares[:, np.arange(size), np.arange(size)] += diagonal
    if size <= _SMALL:
        solved: Floats = np.linalg.solve(squares, right[:, :, None])[:, :, 0]
        return solved
    # symmetric: a transpose is in LAPACK's order; named arguments would cost a fifth of it all
    for square, row in zip(squares.transpose(0, 2, 1), right, strict=True):
        lapack.sposv(square, row, 1, 1, 1)  # lower, overwrite both
    return right


def _blocks(lengths: Ints, width: int) -> Iterator[tuple[Ints, int]]:
    """Yield rows of about one length, and the longest length; rows without events are left out."""
    order = np.argsort(-lengths, kind="stable")
    falling = -lengths[order]
    start, stop = 0, int(np.searchsorted(falling, 0))
    while start < stop:
        longest = int(-falling[start])
        alike = int(np.searchsorted(falling, -_WASTE * longest, "right"))
        most = max(1, _BLOCK // (longest * width + min(longest, width) ** 2))
        end = min(max(alike, start + 1), start + most, stop)
        yield order[start:end], longest
        start = end


def _padded(events: Csr, rows: Ints, length: int) -> tuple[Floats, Ints]:
    """Return (b, m) weights and columns; weight 0 pads."""
    entries = events.indptr[rows][:, None] + np.arange(length)
    inside = entries < events.indptr[rows + 1][:, None]
    entries = np.where(inside, entries, 0)
    return np.where(inside, events.data[entries], np.float32(0)), events.indices[entries]
