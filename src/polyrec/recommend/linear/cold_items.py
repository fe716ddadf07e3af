"""What content says of items that nobody has taken yet, learned on items left out of train."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from scipy.optimize import nnls

from polyrec.types import Bools, Csr, Floats, Interactions, Ints

L2_TRIED = (0.1, 0.5, 2.0, 10.0, 50.0, 200.0)
_LEFT_OUT = 500  # items that play new ones
_WITNESSES = 4000  # users who say how well that goes
_ITSELF = 0.25  # what an item says of those like it, against all its neighbours together
_TINY = 1e-12

Learned: TypeAlias = dict[str, dict[str, Floats]]
"""View -> `likeness` (n, d), `column` (n, d), both 0 at items nobody took, and `share` ()."""

Rows: TypeAlias = Mapping[str, Floats]
"""View -> (b, d) rows of items."""


class _Known(NamedTuple):
    """What is the same for all views."""

    weights: Floats  # (n, n) of the items that someone took, and a little of each itself
    taken: Csr  # (u, n) of the witnesses
    left_out: Ints  # (p,) items
    truth: Floats  # (u, p) who took them, columns of length 1


def learn(
    weights: Floats, warm: Bools, features: Mapping[str, Floats], train: Interactions
) -> Learned:
    """Return how each view places a new item, and how much it is worth.

    A new item stands for the known ones that it is like, s = X (X'X + l2 I)^-1 x over the warm rows
    X of a view; its column is W s: a history first says what else goes with it, then which of that
    the new item is like. l2 and the views' shares, which are not negative, are those that tell best
    who took items left out, as if these were new: EASE's diagonal in closed form (h_j being row j's
    own part, s_j without it is s / (1 - h_j); Steck, WWW 2019), the shares by stacking (Breiman,
    Machine Learning 1996). Neither valid nor test is needed. Views that were themselves learned
    from the behaviour of these items look a little better than they are.
    """
    if not features or not warm.any():
        return {}
    known = _known(weights, warm, train)
    learned: Learned = {}
    told = {}
    for name, rows in features.items():
        learned[name], told[name] = _best(known, np.where(warm[:, None], rows, np.float32(0)))
    for name, share in _shares(told, known.truth).items():
        learned[name]["share"] = np.array(share, np.float32)
    return learned


def likeness(learned: Learned, features: Mapping[str, Floats]) -> Floats:
    """Return (b, n) the known items that each of (b, d) new rows stands for, at length 1."""
    return _joined(learned, features, "likeness")


def factors(learned: Learned, features: Rows, square: Any) -> Floats:
    """Return (b, sum of d) F with `likeness` = F M', M the views' maps side by side.

    `square` is M'M in float64, from which lengths come: (b, n) rows are never laid out.
    """
    parts = []
    start = 0
    for name, told in learned.items():
        stop = start + told["likeness"].shape[1]
        part = _at_length(features[name].astype(np.float64), square[start:stop, start:stop])
        parts.append(part * told["share"])
        start = stop
    return np.asarray(_at_length(np.concatenate(parts, axis=1), square), np.float32)


def columns(learned: Learned, features: Mapping[str, Floats]) -> Floats:
    """Return (b, n) what a history of each known item says of the new ones, at length 1."""
    return _joined(learned, features, "column")


def longer(learned: Learned, count: int) -> Learned:
    """Return the same for a catalogue with so many more items that nobody took."""
    return {
        name: {
            part: np.pad(array, ((0, count), (0, 0))) if array.ndim else array
            for part, array in told.items()
        }
        for name, told in learned.items()
    }


def by_view(learned: Learned, features: Mapping[str, Floats], part: str) -> dict[str, Floats]:
    """Return view -> (b, n) what it says, "likeness" or "column", at the length of its share."""
    return {
        name: told["share"] * _unit(features[name] @ told[part].T, axis=1)
        for name, told in learned.items()
    }


def _joined(learned: Learned, features: Mapping[str, Floats], part: str) -> Floats:
    return _unit(np.sum(list(by_view(learned, features, part).values()), axis=0), axis=1)


def _known(weights: Floats, warm: Bools, train: Interactions) -> _Known:
    inner = np.where(np.outer(warm, warm), weights, np.float32(0))
    usual = float(np.linalg.norm(inner, axis=0)[warm].mean())
    inner[np.diag_indices_from(inner)] = np.where(warm, _ITSELF * usual or 1.0, 0.0)
    taken = train.positives()
    taken.data[:] = 1
    # evenly over popularity, whatever the numbers of the items
    counts = np.asarray(taken.sum(axis=0)).ravel()
    order = np.argsort(-counts, kind="stable")[: int(warm.sum())]
    left_out = _spread(order, _LEFT_OUT)
    taken = taken[_spread(np.flatnonzero(np.diff(taken.indptr)), _WITNESSES)]
    return _Known(inner, taken, left_out, _unit(taken[:, left_out].toarray(), axis=0))


def _spread(values: Ints, count: int) -> Ints:
    """Return at most `count` of the values, evenly spaced."""
    return values[np.linspace(0, len(values) - 1, min(count, len(values))).astype(np.int64)]


def _best(known: _Known, rows: Floats) -> tuple[dict[str, Floats], Floats]:
    """Return a view's maps at the l2 that tells most of the items left out, and what it tells."""
    square = rows.T.astype(np.float64) @ rows
    passed = known.weights @ rows  # (n, d)
    best = (-np.inf, np.zeros((0, 0), np.float32), known.truth)
    for l2 in L2_TRIED:
        solver = np.linalg.inv(square + l2 * np.eye(len(square))).astype(np.float32)
        told = _told(known, rows, passed, solver)
        agreed = float(np.vdot(told, known.truth))
        if agreed > best[0]:
            best = (agreed, solver, told)
    return {"likeness": rows @ best[1], "column": passed @ best[1]}, best[2]


def _told(known: _Known, rows: Floats, passed: Floats, solver: Floats) -> Floats:
    """Return (u, p) scores of the items left out, each as if nobody had taken it; unit columns."""
    out = known.left_out
    solved = solver @ rows[out].T  # (d, p)
    own = np.einsum("pd,dp->p", rows[out], solved)
    column = passed @ solved - known.weights[:, out] * own
    column[out, np.arange(len(out))] = 0
    return _unit(np.asarray(known.taken @ (column / (1 - own)), np.float32), axis=0)


def _shares(told: Mapping[str, Floats], truth: Floats) -> dict[str, float]:
    """Return weights >= 0 that add up to 1 and whose mixture is nearest to the truth."""
    names = list(told)
    square = np.array([[np.vdot(told[a], told[b]) for b in names] for a in names], np.float64)
    right = np.array([np.vdot(told[name], truth) for name in names], np.float64)
    ridge = 1e-3 * max(float(np.trace(square)), _TINY) / max(1, len(names))
    lower = np.linalg.cholesky(square + ridge * np.eye(len(names)))
    found, _ = nnls(lower.T, np.linalg.solve(lower, right))
    if not found.any():  # nothing tells anything of items left out
        found = np.ones(len(names))
    return dict(zip(names, (found / found.sum()).tolist(), strict=True))


def _unit(array: Floats, *, axis: int) -> Floats:
    lengths = np.linalg.norm(array, axis=axis, keepdims=True)
    return np.asarray(array / np.where(lengths > _TINY, lengths, 1), np.float32)


def _at_length(rows: Any, square: Any) -> Any:
    """Return rows (b, d) scaled to r'Sr = 1, S being (d, d)."""
    lengths = np.sqrt(np.maximum(np.einsum("bd,bd->b", rows @ square, rows), 0))
    return rows / np.where(lengths > _TINY, lengths, 1)[:, None]
