"""Predict one view from another through the directions alone that both share."""

from __future__ import annotations

import numpy as np

from polyrec.align.whiten import Doubles, whitening
from polyrec.types import Embeddings, Floats

_FOLDS = 5
_RANKS = (1, 2, 4, 8, 16, 32, 64, 128)
_RIDGE = 1e-3
_TINY = 1e-9


def regress_through_subspace(
    rows: Doubles, targets: Floats, components: int | None
) -> tuple[Doubles, Doubles]:
    """Return the map (r, d) from centred rows to centred targets, and its trust (d,).

    Rows are whitened (see `Whiten`). The number of directions is the one of 1, 2, 4, ... 128 with
    the least error in five-fold cross-validation over items. Fewer than five items give zeros.
    """
    count = len(rows)
    if count < _FOLDS:
        return np.zeros((rows.shape[1], targets.shape[1])), np.zeros(targets.shape[1])
    errors = np.zeros((len(_RANKS), targets.shape[1]))
    mean_errors = np.zeros(targets.shape[1])
    # by what the rows hold: the order of the items must not matter
    order = np.argsort(np.argsort(rows[:, 0] if rows.shape[1] else np.zeros(count), kind="stable"))
    for fold in range(_FOLDS):
        out = order % _FOLDS == fold
        centre, mean = rows[~out].mean(axis=0), targets[~out].mean(axis=0, dtype=np.float64)
        centred = targets[out] - mean
        mean_errors += (centred**2).sum(axis=0)
        for i, regression in enumerate(_regressions(rows[~out], targets[~out], components)):
            errors[i] += ((centred - (rows[out] - centre) @ regression) ** 2).sum(axis=0)
    best = int(np.argmin(errors.sum(axis=1)))
    trust = column_trust(targets, errors[best], mean_errors)
    return _regressions(rows, targets, components)[best], trust


def column_trust(targets: Floats, errors: Doubles, mean_errors: Doubles) -> Doubles:
    """Return (d,) Q / (1 - Q), the ratio of explained to unexplained variance of each column.

    Q = 1 - errors / mean_errors: squared errors on items left out, over those of the mean.
    """
    # the mean of a constant column may round: what is left of it is no variance
    varies = targets.min(axis=0) < targets.max(axis=0)
    explained = np.where(varies, 1 - errors / np.where(varies, mean_errors, 1), 0)
    explained = explained.clip(0, 1 - 1e-6)
    return np.asarray(explained / (1 - explained))


def _regressions(rows: Doubles, targets: Floats, components: int | None) -> list[Doubles]:
    """Return the map (r, d) through the 1, 2, 4, ... directions that correlate most."""
    x = rows - rows.mean(axis=0)
    mean, white = whitening(Embeddings(targets, np.ones(len(targets), bool)), components, _RIDGE)
    y = (targets - mean) @ white  # (m, q)
    gram = x.T @ x / len(x)
    gram += _RIDGE * max(float(np.trace(gram)) / max(1, len(gram)), _TINY) * np.eye(len(gram))
    lower = np.linalg.cholesky(gram)
    left, correlations, right = np.linalg.svd(
        np.linalg.solve(lower, x.T @ y / len(x)), full_matrices=False
    )
    to_directions = np.linalg.solve(lower.T, left * correlations)  # (r, k)
    to_targets = right @ np.linalg.pinv(white)  # (k, d)
    return [to_directions[:, :rank] @ to_targets[:rank] for rank in _RANKS]
