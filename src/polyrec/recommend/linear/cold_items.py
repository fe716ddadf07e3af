"""Item-item weights of cold items, predicted from content; learned on items left out of train."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from scipy import sparse
from scipy.optimize import nnls

from polyrec.types import Bools, Csr, Floats, Interactions, Ints

L2_TRIED = (0.1, 0.5, 2.0, 10.0, 50.0, 200.0)
_LEFT_OUT = 500  # warm items that are treated as cold
_USERS = 4000  # on which predictions for them are scored
_SELF_WEIGHT = 0.25  # of an item for those similar to it, relative to all its neighbours
_TINY = 1e-12

ColdItemMaps: TypeAlias = dict[str, dict[str, Floats]]
"""View -> `similarity` (n, d), `column` (n, d), both 0 at items nobody took, and `share` ()."""

ViewRows: TypeAlias = Mapping[str, Floats]
"""View -> (b, d) rows of items."""


class _Experiment(NamedTuple):
    """Warm items treated as cold, and who took them."""

    weights: Floats | Csr  # (n, n) of the warm items, and a little of each itself
    taken: Csr  # (u, n) of the users
    left_out: Ints  # (p,) items
    truth: Floats  # (u, p) who took them, columns of length 1


def learn_cold_items(
    weights: Floats | Csr, warm: Bools, features: ViewRows, train: Interactions
) -> ColdItemMaps:
    """Return how each view places a cold item, and how much the view is worth.

    A cold item is represented by the warm ones similar to it, s = X (X'X + l2 I)^-1 x over the warm
    rows X of a view; its column is W s: the history predicts what else goes with it, and s how much
    of that is similar to the cold item. l2 and the views' shares, which are not negative, are those
    that best predict who took items left out, as if these were cold: EASE's diagonal in closed form
    (h_j being row j's own part, s_j without it is s / (1 - h_j); Steck, WWW 2019), the shares by
    stacking (Breiman, Machine Learning 1996). Neither valid nor test is needed. Views that were
    themselves learned from the behaviour of these items look a little better than they are.
    """
    if not features or not warm.any():
        return {}
    experiment = _experiment(weights, warm, train)
    maps: ColdItemMaps = {}
    predicted = {}
    for name, rows in features.items():
        warm_rows = np.where(warm[:, None], rows, np.float32(0))
        maps[name], predicted[name] = _best(experiment, warm_rows)
    for name, share in _shares(predicted, experiment.truth).items():
        maps[name]["share"] = np.array(share, np.float32)
    return maps


def similarity(maps: ColdItemMaps, features: ViewRows) -> Floats:
    """Return (b, n) the warm items that represent each of (b, d) cold rows, at length 1."""
    return _joined(maps, features, "similarity")


def factors_at_length(maps: ColdItemMaps, features: ViewRows, square: Any) -> Floats:
    """Return (b, sum of d) F with `similarity`, or `cold_columns`, = F M'.

    M are the views' maps of that name side by side, and `square` is M'M in float64, from which
    lengths come: (b, n) rows are never laid out.
    """
    parts = []
    start = 0
    for name, learned in maps.items():
        stop = start + features[name].shape[1]
        part = at_length(features[name].astype(np.float64), square[start:stop, start:stop])
        parts.append(part * learned["share"])
        start = stop
    return np.asarray(at_length(np.concatenate(parts, axis=1), square), np.float32)


def cold_columns(maps: ColdItemMaps, features: ViewRows) -> Floats:
    """Return (b, n) weights of the cold items from each item of a history, at length 1."""
    return _joined(maps, features, "column")


def extend_maps(maps: ColdItemMaps, count: int) -> ColdItemMaps:
    """Return the same for a catalogue with `count` more items that nobody took."""
    return {
        name: {
            part: np.pad(array, ((0, count), (0, 0))) if array.ndim else array
            for part, array in learned.items()
        }
        for name, learned in maps.items()
    }


def by_view(maps: ColdItemMaps, features: ViewRows, part: str) -> dict[str, Floats]:
    """Return view -> (b, n) its "similarity" or "column", at the length of its share."""
    return {
        name: learned["share"] * _unit(features[name] @ learned[part].T, axis=1)
        for name, learned in maps.items()
    }


def _joined(maps: ColdItemMaps, features: ViewRows, part: str) -> Floats:
    return _unit(np.sum(list(by_view(maps, features, part).values()), axis=0), axis=1)


def _experiment(weights: Floats | Csr, warm: Bools, train: Interactions) -> _Experiment:
    inner, usual = _inner_weights(weights, warm)
    own = np.where(warm, _SELF_WEIGHT * usual or 1.0, 0.0)
    if isinstance(inner, np.ndarray):
        inner[np.diag_indices_from(inner)] = own
    else:
        inner = sparse.csr_array(inner + sparse.diags_array(own.astype(np.float32)))
    taken = train.positives()
    taken.data[:] = 1
    # evenly over popularity, whatever the numbers of the items
    counts = np.asarray(taken.sum(axis=0)).ravel()
    order = np.argsort(-counts, kind="stable")[: int(warm.sum())]
    left_out = _evenly_spaced(order, _LEFT_OUT)
    taken = taken[_evenly_spaced(np.flatnonzero(np.diff(taken.indptr)), _USERS)]
    return _Experiment(inner, taken, left_out, _unit(taken[:, left_out].toarray(), axis=0))


def _inner_weights(weights: Floats | Csr, warm: Bools) -> tuple[Any, float]:
    """Return the weights between warm items, and the mean norm of their columns.

    Sparse ones have no others.
    """
    if isinstance(weights, np.ndarray):
        inner = np.where(np.outer(warm, warm), weights, np.float32(0))
        return inner, float(np.linalg.norm(inner, axis=0)[warm].mean())
    return weights, float(column_norms(weights)[warm].mean())


def column_norms(weights: Csr) -> Floats:
    """Return (n,) the Euclidean norm of each column."""
    squares = np.bincount(weights.indices, weights.data**2, minlength=weights.shape[1])
    return np.sqrt(squares).astype(np.float32)


def _evenly_spaced(values: Ints, count: int) -> Ints:
    """Return at most `count` of the values, evenly spaced."""
    return values[np.linspace(0, len(values) - 1, min(count, len(values))).astype(np.int64)]


def _best(experiment: _Experiment, rows: Floats) -> tuple[dict[str, Floats], Floats]:
    """Return a view's maps at the l2 that predicts the left out items best, and its prediction."""
    square = rows.T.astype(np.float64) @ rows
    passed: Floats = np.asarray(experiment.weights @ rows, np.float32)  # (n, d)
    best = (-np.inf, np.zeros((0, 0), np.float32), experiment.truth)
    for l2 in L2_TRIED:
        solver = np.linalg.inv(square + l2 * np.eye(len(square))).astype(np.float32)
        predicted = _predict(experiment, rows, passed, solver)
        agreement = float(np.vdot(predicted, experiment.truth))
        if agreement > best[0]:
            best = (agreement, solver, predicted)
    return {"similarity": rows @ best[1], "column": passed @ best[1]}, best[2]


def _predict(experiment: _Experiment, rows: Floats, passed: Floats, solver: Floats) -> Floats:
    """Return (u, p) scores of the items left out, each as if nobody had taken it; unit columns."""
    out = experiment.left_out
    solved = solver @ rows[out].T  # (d, p)
    own = np.einsum("pd,dp->p", rows[out], solved)
    taken = experiment.weights[:, out]
    columns = taken if isinstance(taken, np.ndarray) else taken.toarray()
    column = passed @ solved - columns * own
    column[out, np.arange(len(out))] = 0
    return _unit(np.asarray(experiment.taken @ (column / (1 - own)), np.float32), axis=0)


def _shares(predicted: Mapping[str, Floats], truth: Floats) -> dict[str, float]:
    """Return weights >= 0 that add up to 1 and whose mixture is nearest to the truth."""
    names = list(predicted)
    square = np.array(
        [[np.vdot(predicted[a], predicted[b]) for b in names] for a in names], np.float64
    )
    right = np.array([np.vdot(predicted[name], truth) for name in names], np.float64)
    ridge = 1e-3 * max(float(np.trace(square)), _TINY) / max(1, len(names))
    lower = np.linalg.cholesky(square + ridge * np.eye(len(names)))
    weights, _ = nnls(lower.T, np.linalg.solve(lower, right))
    if not weights.any():  # no view predicts anything about items left out
        weights = np.ones(len(names))
    return dict(zip(names, (weights / weights.sum()).tolist(), strict=True))


def _unit(array: Floats, *, axis: int) -> Floats:
    lengths = np.linalg.norm(array, axis=axis, keepdims=True)
    return np.asarray(array / np.where(lengths > _TINY, lengths, 1), np.float32)


def at_length(rows: Any, square: Any) -> Any:
    """Return rows (b, d) scaled to r'Sr = 1, S being (d, d)."""
    lengths = np.sqrt(np.maximum(np.einsum("bd,bd->b", rows @ square, rows), 0))
    return rows / np.where(lengths > _TINY, lengths, 1)[:, None]
