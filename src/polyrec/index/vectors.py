"""Normalise vectors to length 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from polyrec.types import Bools, Floats


def unit_rows(rows: npt.NDArray[Any], present: Bools | None = None) -> Floats:
    """Return float32 rows of length 1; zero rows stay zero, and absent ones become zero.

    >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]], dtype=float32)
    """
    if present is not None:
        rows = np.where(present[:, None], rows, rows.dtype.type(0))
    lengths = row_lengths(rows)
    with np.errstate(invalid="ignore"):  # inf / inf: callers check for rows that are not finite
        return np.asarray(rows / np.where(lengths > 0, lengths, 1), np.float32)


def row_lengths(rows: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the (n, 1) Euclidean lengths of rows."""
    # summed in float64: the square of a large or tiny float32 is out of its range
    squares = np.einsum("nd,nd->n", rows, rows, dtype=np.float64)
    return np.asarray(np.sqrt(squares)[:, None])


def unit_vector(values: Floats) -> Floats:
    """Return a vector at length 1, in the precision of its own; zero stays zero."""
    length = float(np.linalg.norm(values))
    return np.asarray(values / length if length > 0 else values, np.float32)
