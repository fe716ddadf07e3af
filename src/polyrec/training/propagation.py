"""Multiply rows with a constant sparse matrix, fast forwards and backwards.

torch computes the gradient of a sparse product over coordinates. Here the transpose is made once,
and both directions are sums of weighted rows (`embedding_bag`), which torch does faster than its
product of compressed rows: `benchmarks.speed.propagation` compares.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
import torch
from scipy import sparse
from torch.nn import functional as F  # noqa: N812 - the custom of the field

from polyrec.types import Csr, Floats


class Propagation:
    """y = A x for rows x (m, d) and a constant A (l, m); the gradient of x is A' times that of y.

    >>> doubled = Propagation.of(sparse.csr_array(2 * np.eye(3, dtype=np.float32)))
    >>> doubled(torch.ones(3, 1)).ravel()
    tensor([2., 2., 2.])
    """

    def __init__(self, matrix: _Bags, transpose: _Bags) -> None:
        self._matrix, self._transpose = matrix, transpose

    @classmethod
    def of(cls, matrix: Csr, device: Any = "cpu") -> Self:
        """Copy a scipy matrix and its transpose to a device."""
        return cls(_Bags.of(matrix, device), _Bags.of(matrix.T, device))

    @property
    def transposed(self) -> Propagation:
        """Return the product with A', over the same memory."""
        return Propagation(self._transpose, self._matrix)

    @property
    def device(self) -> Any:
        """Return the device of the matrix."""
        return self._matrix.weights.device

    def __call__(self, rows: Any) -> Any:
        """Return (l, d)."""
        return _Product.apply(self._matrix, self._transpose, rows)


class _Bags(NamedTuple):
    """The rows of a matrix, each a bag of weighted columns."""

    columns: Any  # (entries,)
    starts: Any  # (l + 1,)
    weights: Any  # (entries,)

    @classmethod
    def of(cls, matrix: Csr, device: Any) -> Self:
        rows = sparse.csr_array(matrix, dtype=np.float32)
        rows.sort_indices()
        parts = (rows.indices, rows.indptr.astype(rows.indices.dtype), rows.data)
        return cls(*(torch.from_numpy(part).to(device) for part in parts))

    def sums(self, rows: Any) -> Any:
        return F.embedding_bag(
            self.columns, rows, self.starts, mode="sum", include_last_offset=True,
            per_sample_weights=self.weights.to(rows.dtype),
        )  # fmt: skip


class _Product(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(ctx: Any, matrix: _Bags, transpose: _Bags, rows: Any) -> Any:
        ctx.transpose = transpose
        return matrix.sums(rows.detach())  # else torch keeps what only its own gradient needs

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> tuple[None, None, Any]:
        return None, None, ctx.transpose.sums(gradient.contiguous())


def symmetric_scales(weights: Csr) -> tuple[Floats, Floats]:
    """Return 1 / sqrt(sum) of each row (u,) and column (n,) of weights >= 0; empty ones give 0."""
    sums = (np.asarray(weights.sum(axis=axis), np.float64).reshape(-1) for axis in (1, 0))
    rows, columns = (np.where(s > 0, 1 / np.sqrt(np.where(s > 0, s, 1)), 0) for s in sums)
    return rows.astype(np.float32), columns.astype(np.float32)


def normalize_symmetric(weights: Csr) -> Csr:
    """Return D_U^-1/2 R D_I^-1/2 of weights R (u, n) >= 0, D their sums by user and by item.

    It is the upper right block of the normalised graph of users and items, and its transpose the
    lower left one; the other two are empty, so the square matrix is never built.
    """
    rows, columns = symmetric_scales(weights)
    scaled = sparse.csr_array(weights, dtype=np.float32, copy=True)
    scaled.data *= np.repeat(rows, np.diff(scaled.indptr)) * columns[scaled.indices]
    return scaled
