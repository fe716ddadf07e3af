"""The two matrices that closed-form models rest on: the Gram matrix and its inverse."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.linalg import lapack
from scipy.sparse.linalg import LinearOperator, cg

from polyrec.compute.memory_limit import memory_limit
from polyrec.errors import FitError
from polyrec.types import Csr, Floats, Interactions

L2_TRIED = (50.0, 100.0, 200.0, 400.0, 800.0, 1600.0, 3200.0)
"""Regularisers worth trying on valid: the best on public data lie between 100 and 500."""

_BLOCK = 512


def check_memory(items: int, *, matrices: int) -> None:
    """Raise `FitError` where that many dense (n, n) float32 matrices exceed the memory."""
    needed = 4 * matrices * items**2
    limit = memory_limit()
    if needed > 0.9 * limit:
        raise FitError(
            f"a dense model of {items:,} items needs {needed / 2**30:.0f} GiB",
            received=f"{limit / 2**30:.0f} GiB of memory",
            remedy="name no recommender, or sparse_linear, which needs less; or drop rare items "
            "(data.min_events)",
        )


def gram(train: Interactions) -> Floats:
    """Return (n, n) R'R, Fortran order, negative weights included.

    Weights count in units of their root mean square, so that an l2 means the same whether an event
    is worth 1 or 4; where all are worth the same, R is 0 and 1.
    """
    matrix = in_units(train)
    product: Floats = (matrix.T @ matrix).toarray(order="F")
    return product


def solve(train: Interactions, l2: float, right: Floats) -> Floats:
    """Return (n, c) (R'R + l2 I)^-1 right for a few columns, with no (n, n) matrix.

    Conjugate gradients (Hestenes & Stiefel, 1952) in float64 to a relative residual of 1e-9; each
    step costs two sparse products.
    """
    matrix = sparse.csr_array(in_units(train), dtype=np.float64)
    diagonal = np.asarray(matrix.multiply(matrix).sum(axis=0)).reshape(-1) + l2
    shape = (len(right), len(right))
    system = LinearOperator(shape, lambda x: matrix.T @ (matrix @ x) + l2 * x, dtype=np.float64)
    guide = LinearOperator(shape, lambda x: x / diagonal, dtype=np.float64)
    columns = [cg(system, b, rtol=1e-9, maxiter=2000, M=guide)[0] for b in right.T]
    return np.stack(columns, axis=1)


def in_units(train: Interactions) -> Csr:
    """Return (u, n) R: the weights in units of their root mean square."""
    matrix = train.matrix()
    squares = matrix.data[matrix.data != 0] ** 2
    if len(squares):
        matrix.data /= np.sqrt(squares.mean())
    return matrix


def inverse(gram: Floats, l2: float) -> Floats:
    """Return (G + l2 I)^-1, C order, in the place of `gram` (Fortran order): a Cholesky inverse.

    LAPACK potrf and potri in float32: n^3 multiply-adds, no memory beyond the matrix itself.
    """
    gram[np.diag_indices_from(gram)] += l2
    factor, failed = lapack.spotrf(gram, lower=1, clean=0, overwrite_a=1)
    if not failed:
        result, failed = lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed:
        raise FitError("the Gram matrix has no inverse", received=f"l2 {l2}", remedy="raise l2")
    # symmetric: its transpose is itself, row after row, which is how a history reads it
    return _mirror(result).T


def _mirror(lower: Floats) -> Floats:
    """Copy the lower triangle onto the upper one, in place, block by block for the cache."""
    for start in range(0, len(lower), _BLOCK):
        stop = start + _BLOCK
        lower[start:stop, stop:] = lower[stop:, start:stop].T
        corner = lower[start:stop, start:stop]
        corner[:] = np.tril(corner) + np.tril(corner, -1).T
    return lower
