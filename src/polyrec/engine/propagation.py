"""Multiply rows with a constant sparse matrix, fast in both directions.

torch knows the gradient of a sparse product, but finds it over coordinates, or transposes anew at
each step. Here the transpose is made once, and both ways are products of compressed rows:
`benchmarks/propagation.py` compares.
"""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
import torch
from scipy import sparse

from polyrec.types import Csr, Floats


class Propagation:
    """y = A x for rows x (m, d) and a constant A (l, m); the gradient of x is A' times that of y.

    >>> doubled = Propagation.of(sparse.csr_array(2 * np.eye(3, dtype=np.float32)), "cpu")
    >>> doubled(torch.ones(3, 1)).ravel()
    tensor([2., 2., 2.])
    """

    def __init__(self, matrix: Any, turned: Any) -> None:
        self._matrix, self._turned = matrix, turned

    @classmethod
    def of(cls, matrix: Csr, device: Any) -> Self:
        """Lay a scipy matrix and its transpose out on a device."""
        return cls(_compressed(matrix, device), _compressed(matrix.T, device))

    @property
    def transposed(self) -> Propagation:
        """Return the product with A', over the same memory."""
        return Propagation(self._turned, self._matrix)

    @property
    def device(self) -> Any:
        """Return where it is computed."""
        return self._matrix.device

    def __call__(self, rows: Any) -> Any:
        """Return (l, d)."""
        return _Product.apply(self._matrix, self._turned, rows)


class _Product(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(ctx: Any, matrix: Any, turned: Any, rows: Any) -> Any:
        ctx.turned = turned
        return matrix @ rows

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> tuple[None, None, Any]:
        return None, None, ctx.turned @ gradient.contiguous()


def symmetric_scales(weights: Csr) -> tuple[Floats, Floats]:
    """Return 1 / sqrt(sum) of each row (u,) and column (n,) of weights >= 0; empty ones give 0."""
    sums = (np.asarray(weights.sum(axis=axis), np.float64).reshape(-1) for axis in (1, 0))
    rows, columns = (np.where(s > 0, 1 / np.sqrt(np.where(s > 0, s, 1)), 0) for s in sums)
    return rows.astype(np.float32), columns.astype(np.float32)


def symmetric(weights: Csr) -> Csr:
    """Return D_U^-1/2 R D_I^-1/2 of weights R (u, n) >= 0, D their sums by user and by item.

    Of the graph of users and items this is the upper right block, its transpose the lower left
    one; the other two are empty, so the square matrix is never made.
    """
    rows, columns = symmetric_scales(weights)
    scaled = sparse.csr_array(weights, dtype=np.float32, copy=True)
    scaled.data *= np.repeat(rows, np.diff(scaled.indptr)) * columns[scaled.indices]
    return scaled


def _compressed(matrix: Csr, device: Any) -> Any:
    rows = sparse.csr_array(matrix, dtype=np.float32)
    rows.sort_indices()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse (CSR|invariant)", UserWarning)
        pieces = (rows.indptr.astype(np.int64), rows.indices.astype(np.int64), rows.data)
        parts = (torch.from_numpy(piece) for piece in pieces)
        return torch.sparse_csr_tensor(*parts, size=rows.shape, device=device)
