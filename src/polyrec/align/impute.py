"""Fill in the views that items lack."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self, TypeAlias

import numpy as np
from scipy import sparse

from polyrec.align.anchor import whitened_rows
from polyrec.align.subspace_regression import column_trust, regress_through_subspace
from polyrec.align.validation import check_settings, check_views, zero_absent
from polyrec.align.whiten import Doubles, whitening
from polyrec.errors import ConfigError, nearest
from polyrec.index.topk import top_k
from polyrec.types import FUSED, Bools, Csr, Embeddings, Floats, Interactions, Ints, Views

Learned: TypeAlias = dict[str, Floats]

_WHITENING = 1e-3  # see `Whiten`
_TRIED = (0.01, 0.1, 1.0, 10.0)  # ridges
_TINY = 1e-9
_BLOCK_BYTES = 16 * 2**20  # cosines held at once


@dataclass
class Impute:
    """Guess the rows that are absent; they come out present, their problems kept.

    - ridge: from each view s that the item has, x_s -> m + (x_s - c) B with B by ridge regression
      over the items that have both; then, column by column, the mean over s weighed by Q / (1 - Q),
      where Q is the share of the column's variance that s tells of items left out (leave-one-out
      in closed form: PRESS, Allen, Technometrics 1974). A column that nothing tells gets its mean.
    - cca: the same through the directions alone that s and the view share, the k of largest
      canonical correlation p: B = A diag(p) V'T with A, V canonical and T what leads back from V's
      whitened columns; k and Q are told by fifths of the items left out. Better than ridge where
      views share little beside much of their own. (Reduced-rank regression, Izenman, Journal of
      Multivariate Analysis 1975; the mean of probabilistic CCA, Bach & Jordan, 2005.)
    - neighbours: the mean over the items with the view that are nearest in behaviour, by cosine
      |U_i and U_j| / sqrt(|U_i| |U_j|) of the sets of users who took them; at most `neighbours`,
      each with a cosine over 0.
    - mean, zero: the view's mean row, or 0. Baselines: what the others have to beat.

    What can't be guessed stays absent: no other view that tells anything, nobody who took the item,
    for `neighbours` also views of another number of rows than at fit. The fused view is neither
    filled in nor read: fuse afterwards.

    >>> from polyrec.types import Embeddings
    >>> rows = np.random.default_rng(0).normal(size=(90, 2)).astype(np.float32)
    >>> views = {"a": Embeddings(rows, np.ones(90, bool)),
    ...          "b": Embeddings(3 * rows, np.arange(90) > 0)}
    >>> guess = Impute().fit(views, None).align(views)["b"]
    >>> bool(guess.present[0]), bool(np.allclose(guess.vectors[0], 3 * rows[0], atol=0.05))
    (True, True)
    """

    method: Literal["ridge", "cca", "neighbours", "mean", "zero"] = "ridge"
    # of the regression, in units of a whitened column's variance; None: what items left out favour
    ridge: float | None = None
    components: int | None = 128  # of each view before the regression; None: all
    neighbours: int = 20

    widths_: dict[str, int] = field(init=False, repr=False, compare=False)  # view -> d
    means_: dict[str, Floats] = field(init=False, repr=False, compare=False)  # (d,) of each view
    # by view and source: centre (d',), map (d', d), offset (d,), trust (d,)
    maps_: dict[str, dict[str, Learned]] = field(init=False, repr=False, compare=False)
    near_: dict[str, Csr] = field(init=False, repr=False, compare=False)  # (n, n) 1 at neighbours

    def fit(self, views: Views, train: Interactions | None) -> Self:
        """Learn what the method needs; features that are not finite raise `FitError`."""
        check_settings(self.ridge or 0, components=self.components, neighbours=self.neighbours)
        if self.method not in _METHODS:
            remedy = nearest(self.method, _METHODS)
            raise ConfigError("unknown method", received=self.method, remedy=remedy)
        given = zero_absent({name: view for name, view in views.items() if name != FUSED})
        self.widths_ = {name: view.width for name, view in given.items()}
        self.means_ = {n: _mean(v.vectors[v.present]) for n, v in given.items() if v.present.any()}
        self.maps_, self.near_ = {}, {}
        if self.method in ("ridge", "cca"):
            self.maps_ = self._regressions(given)
        elif self.method == "neighbours" and train is not None:
            self.near_ = _neighbours(given, train, self.neighbours)
        return self

    def align(self, views: Views) -> Views:
        """Return the views with what is absent filled in; rows that stay absent are 0."""
        given = check_views({n: v for n, v in views.items() if n != FUSED}, self.widths_)
        filled = {name: self._filled(given, name) for name in given}
        return filled | zero_absent({n: v for n, v in views.items() if n == FUSED})

    def _filled(self, views: Mapping[str, Embeddings], name: str) -> Embeddings:
        view = views[name]
        absent = np.flatnonzero(~view.present)
        rows, told = _METHODS[self.method](self, views, name, absent)
        vectors, present = view.vectors.copy(), view.present.copy()
        vectors[absent[told]] = rows[told]
        present[absent[told]] = True
        return Embeddings(vectors, present, view.problems, view.space)

    def _regressions(self, views: Mapping[str, Embeddings]) -> dict[str, dict[str, Learned]]:
        """Return the maps into every view from every other that some items have too."""
        maps: dict[str, dict[str, Learned]] = {name: {} for name in views}
        for source, view in views.items():
            mean, directions = whitening(view, self.components, _WHITENING)
            rows = whitened_rows(view, mean, directions, directions.shape[1])
            for target, wanted in views.items():
                both = view.present & wanted.present
                if target == source or not both.any():
                    continue
                if self.method == "cca":
                    turn, trust = regress_through_subspace(
                        rows[both], wanted.vectors[both], self.components
                    )
                else:
                    ridges = _TRIED if self.ridge is None else (self.ridge,)
                    turn, trust = _regression(rows[both], wanted.vectors[both], ridges)
                maps[target][source] = {
                    "centre": _mean(view.vectors[both]),
                    "map": (directions @ turn).astype(np.float32),
                    "offset": _mean(wanted.vectors[both]),
                    "trust": trust.astype(np.float32),
                }
        return maps


def _by_maps(
    part: Impute, views: Mapping[str, Embeddings], name: str, absent: Ints
) -> tuple[Floats, Bools]:
    total = np.zeros((len(absent), part.widths_[name]))
    weight = np.zeros_like(total)
    for source, learned in sorted(part.maps_.get(name, {}).items()):
        if source not in views:
            continue
        trust = views[source].present[absent, None] * learned["trust"]
        rows = (views[source].vectors[absent] - learned["centre"]) @ learned["map"]
        total += trust * (rows + learned["offset"])
        weight += trust
    usual = part.means_.get(name, np.zeros(part.widths_[name], np.float32))
    told = weight > 0
    guess = np.where(told, total / np.where(told, weight, 1), usual)
    return guess.astype(np.float32), np.asarray(told.any(axis=1))


def _by_neighbours(
    part: Impute, views: Mapping[str, Embeddings], name: str, absent: Ints
) -> tuple[Floats, Bools]:
    view, near = views[name], part.near_.get(name)
    if near is None or near.shape[0] != len(view):
        return np.zeros((len(absent), view.width), np.float32), np.zeros(len(absent), bool)
    counts = near[absent] @ view.present.astype(np.float32)
    sums = near[absent] @ view.vectors  # those absent by now are 0
    return np.asarray(sums / np.maximum(counts, 1)[:, None], np.float32), counts > 0


def _by_mean(
    part: Impute, views: Mapping[str, Embeddings], name: str, absent: Ints
) -> tuple[Floats, Bools]:
    mean = part.means_.get(name, np.zeros(views[name].width, np.float32))
    return np.tile(mean, (len(absent), 1)), np.full(len(absent), name in part.means_)


def _by_zero(
    part: Impute,  # noqa: ARG001 - one form for all
    views: Mapping[str, Embeddings],
    name: str,
    absent: Ints,
) -> tuple[Floats, Bools]:
    return np.zeros((len(absent), views[name].width), np.float32), np.ones(len(absent), bool)


_METHODS: Mapping[
    str, Callable[[Impute, Mapping[str, Embeddings], str, Ints], tuple[Floats, Bools]]
] = {
    "ridge": _by_maps,
    "cca": _by_maps,
    "neighbours": _by_neighbours,
    "mean": _by_mean,
    "zero": _by_zero,
}
"""Method -> rows for the absent items (m, d), and which of them it can tell (m,)."""


def _mean(rows: Floats) -> Floats:
    return np.asarray(rows.mean(axis=0, dtype=np.float64), np.float32)


def _regression(rows: Doubles, wanted: Floats, ridges: Sequence[float]) -> tuple[Doubles, Doubles]:
    """Return the map (r, d) from centred rows to centred wanted ones, and its trust (d,).

    Of the ridges the one that errs least on rows left out. Against it stands the mean of the
    others; trust is Q / (1 - Q), told over untold variance.
    """
    count = len(rows)
    centred, told = rows - rows.mean(axis=0), wanted - wanted.mean(axis=0, dtype=np.float64)
    tried = [_left_out(centred, told, max(ridge, _TINY)) for ridge in ridges]
    turn, missed = min(tried, key=lambda found: float(found[1].sum()))
    usual = ((told / max(1 - 1 / count, _TINY)) ** 2).sum(axis=0)
    return turn, column_trust(wanted, missed, usual)


def _left_out(centred: Doubles, told: Doubles, ridge: float) -> tuple[Doubles, Doubles]:
    """Return the map, and (d,) the summed squares of e_i / (1 - 1/m - h_i), h its leverages."""
    count = len(centred)
    square = centred.T @ centred / count + ridge * np.eye(centred.shape[1])
    solved = np.linalg.solve(square, centred.T / count)  # (r, m)
    turn = solved @ told
    leverage = 1 / count + np.einsum("mr,rm->m", centred, solved)
    missed = (told - centred @ turn) / np.maximum(1 - leverage, _TINY)[:, None]
    return turn, (missed**2).sum(axis=0)


def _neighbours(views: Mapping[str, Embeddings], train: Interactions, count: int) -> dict[str, Csr]:
    """Return for each view (n, n) 1 where the column is among the row's nearest that have it."""
    taken = train.positives()
    taken.data[:] = 1
    lengths = np.sqrt(np.maximum(np.asarray(taken.sum(axis=0)).ravel(), 1))
    unit = sparse.csr_array(taken @ sparse.diags_array(1 / lengths))
    items = unit.shape[1]
    step = max(1, _BLOCK_BYTES // (4 * max(1, items)))
    found: dict[str, list[Ints]] = {name: [] for name in views}
    for start in range(0, items, step):
        cosines = (unit[:, start : start + step].T @ unit).toarray()  # (b, n)
        here = np.arange(len(cosines))
        cosines[here, start + here] = 0
        cosines = np.where(cosines > 0, cosines, -np.inf).astype(np.float32)
        for name, view in views.items():
            having = np.where(view.present, cosines, np.float32(-np.inf))
            found[name].append(top_k(having, count)[0])
    return {name: _graph(lists, items) for name, lists in found.items()}


def _graph(lists: list[Ints], items: int) -> Csr:
    listed = np.concatenate(lists) if lists else np.empty((0, 0), np.int64)
    rows, places = np.nonzero(listed >= 0)
    ones = np.ones(len(rows), np.float32)
    return sparse.csr_array((ones, (rows, listed[rows, places])), shape=(items, items))
