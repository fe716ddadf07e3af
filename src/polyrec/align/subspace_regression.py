"""Tell one view from another through the directions alone that both share."""

from __future__ import annotations

import numpy as np

from polyrec.align.whiten import Doubles, whitening
from polyrec.types import Embeddings, Floats

_FOLDS = 5
_RANKS = (1, 2, 4, 8, 16, 32, 64, 128)
_RIDGE = 1e-3
_TINY = 1e-9


def regress_through_subspace(
    rows: Doubles, wanted: Floats, components: int | None
) -> tuple[Doubles, Doubles]:
    """Return the map (r, d) from centred rows to centred wanted ones, and its trust (d,).

    Rows are whitened (see `Whiten`). The number of directions is the one of 1, 2, 4, ... 128 that
    errs least on fifths of the items left out, one after the other. Fewer than five items tell
    nothing.
    """
    count = len(rows)
    if count < _FOLDS:
        return np.zeros((rows.shape[1], wanted.shape[1])), np.zeros(wanted.shape[1])
    missed = np.zeros((len(_RANKS), wanted.shape[1]))
    usual = np.zeros(wanted.shape[1])
    # by what the rows hold: the order of the items must not matter
    turns = np.argsort(np.argsort(rows[:, 0] if rows.shape[1] else np.zeros(count), kind="stable"))
    for fold in range(_FOLDS):
        out = turns % _FOLDS == fold
        centre, mean = rows[~out].mean(axis=0), wanted[~out].mean(axis=0, dtype=np.float64)
        told = wanted[out] - mean
        usual += (told**2).sum(axis=0)
        for place, turn in enumerate(_turns(rows[~out], wanted[~out], components)):
            missed[place] += ((told - (rows[out] - centre) @ turn) ** 2).sum(axis=0)
    best = int(np.argmin(missed.sum(axis=1)))
    return _turns(rows, wanted, components)[best], column_trust(wanted, missed[best], usual)


def column_trust(wanted: Floats, missed: Doubles, usual: Doubles) -> Doubles:
    """Return (d,) Q / (1 - Q), Q being 1 - missed / usual: told over untold variance."""
    # the mean of a constant column may round: what is left of it is no variance
    varied = wanted.min(axis=0) < wanted.max(axis=0)
    share = np.where(varied, 1 - missed / np.where(varied, usual, 1), 0).clip(0, 1 - 1e-6)
    return np.asarray(share / (1 - share))


def _turns(rows: Doubles, wanted: Floats, components: int | None) -> list[Doubles]:
    """Return the map (r, d) through the 1, 2, 4, ... directions that correlate most."""
    known = rows - rows.mean(axis=0)
    mean, white = whitening(Embeddings(wanted, np.ones(len(wanted), bool)), components, _RIDGE)
    told = (wanted - mean) @ white  # (m, q)
    square = known.T @ known / len(known)
    square += (
        _RIDGE * max(float(np.trace(square)) / max(1, len(square)), _TINY) * np.eye(len(square))
    )
    lower = np.linalg.cholesky(square)
    left, strength, right = np.linalg.svd(
        np.linalg.solve(lower, known.T @ told / len(known)), full_matrices=False
    )
    start = np.linalg.solve(lower.T, left * strength)  # (r, k)
    back = right @ np.linalg.pinv(white)  # (k, d)
    return [start[:, :rank] @ back[:rank] for rank in _RANKS]
