"""Fill in absent rows: by ridge, cca, neighbours in behaviour, mean or zero."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal, Self, TypeAlias

import numpy as np
from scipy import sparse

from polyrec.align.anchor import whitened_rows
from polyrec.align.base import check_settings, check_views, zero_absent
from polyrec.align.subspace_regression import column_trust, regress_through_subspace
from polyrec.align.whiten import Doubles, whitening
from polyrec.contracts import BasePart, learned, part
from polyrec.errors import ConfigError, nearest
from polyrec.index.topk import top_k
from polyrec.types import FUSED, Bools, Csr, Embeddings, Floats, Interactions, Ints, Views

Regression: TypeAlias = dict[str, Floats]
"""centre (d',), map (d', d), offset (d,), trust (d,): x -> offset + (x - centre) map."""

_WHITENING = 1e-3  # see `Whiten`
_RIDGES = (0.01, 0.1, 1.0, 10.0)  # candidates where none is set
_TINY = 1e-9
_BLOCK_BYTES = 16 * 2**20  # cosines held at once


@part
class Impute(BasePart):
    """Predict the rows that are absent; they come out present, their problems kept.

    - ridge: from each view s that the item has, x_s -> m + (x_s - c) B with B by ridge regression
      over the items that have both; then, column by column, the mean over s weighted by
      Q / (1 - Q), where Q is the share of the column's variance that s explains on items left out
      (leave-one-out in closed form: PRESS, Allen, Technometrics 1974). A column that nothing
      explains gets its mean.
    - cca: the same through the directions alone that s and the view share, the k of largest
      canonical correlation p: B = A diag(p) V'T with A, V canonical and T the inverse of V's
      whitening; k and Q by five-fold cross-validation over items. Better than ridge where
      views share little beside much of their own. (Reduced-rank regression, Izenman, Journal of
      Multivariate Analysis 1975; the mean of probabilistic CCA, Bach & Jordan, 2005.)
    - neighbours: the mean over the items with the view that are nearest in behaviour, by cosine
      |U_i and U_j| / sqrt(|U_i| |U_j|) of the sets of users who took them; at most `neighbours`,
      each with a cosine over 0.
    - mean, zero: the view's mean row, or 0. Baselines: what the others have to beat.

    What can't be predicted stays absent: no other view that explains anything, no user who took the
    item, for `neighbours` also views of another number of rows than at fit. The fused view is
    neither filled in nor read: fuse afterwards.

    >>> from polyrec.types import Embeddings
    >>> rows = np.random.default_rng(0).normal(size=(90, 2)).astype(np.float32)
    >>> views = {"a": Embeddings(rows, np.ones(90, bool)),
    ...          "b": Embeddings(3 * rows, np.arange(90) > 0)}
    >>> filled = Impute().fit(views, None).align(views)["b"]
    >>> bool(filled.present[0]), bool(np.allclose(filled.vectors[0], 3 * rows[0], atol=0.05))
    (True, True)
    """

    method: Literal["ridge", "cca", "neighbours", "mean", "zero"] = "ridge"
    # of the regression, in units of a whitened column's variance; None: by error on items left out
    ridge: float | None = None
    components: int | None = 128  # of each view before the regression; None: all
    neighbours: int = 20

    widths_: dict[str, int] = learned()  # view -> d
    means_: dict[str, Floats] = learned()  # view -> (d,)
    maps_: dict[str, dict[str, Regression]] = learned()  # view -> source -> regression
    near_: dict[str, Csr] = learned()  # view -> (n, n) 1 at neighbours

    fills_absent: ClassVar[bool] = True

    def fit(self, views: Views, train: Interactions | None) -> Self:
        """Learn what the method needs; features that are not finite raise `FitError`."""
        check_settings(self.ridge or 0, components=self.components, neighbours=self.neighbours)
        if self.method not in _METHODS:
            remedy = nearest(self.method, _METHODS)
            raise ConfigError("unknown method", received=self.method, remedy=remedy)
        copies = zero_absent({name: view for name, view in views.items() if name != FUSED})
        self.widths_ = {name: view.width for name, view in copies.items()}
        self.means_ = {n: _mean(v.vectors[v.present]) for n, v in copies.items() if v.present.any()}
        self.maps_, self.near_ = {}, {}
        if self.method in ("ridge", "cca"):
            self.maps_ = self._regressions(copies)
        elif self.method == "neighbours" and train is not None:
            self.near_ = _neighbours(copies, train, self.neighbours)
        return self

    def align(self, views: Views) -> Views:
        """Return the views with absent rows filled in; rows that stay absent are 0."""
        copies = check_views({n: v for n, v in views.items() if n != FUSED}, self.widths_)
        filled = {name: self._filled(copies, name) for name in copies}
        return filled | zero_absent({n: v for n, v in views.items() if n == FUSED})

    def _filled(self, views: Mapping[str, Embeddings], name: str) -> Embeddings:
        view = views[name]
        absent = np.flatnonzero(~view.present)
        rows, known = _METHODS[self.method](self, views, name, absent)
        vectors, present = view.vectors.copy(), view.present.copy()
        vectors[absent[known]] = rows[known]
        present[absent[known]] = True
        return Embeddings(vectors, present, view.problems, view.space)

    def _regressions(self, views: Mapping[str, Embeddings]) -> dict[str, dict[str, Regression]]:
        """Return the regressions of every view on every other that some items have too."""
        maps: dict[str, dict[str, Regression]] = {name: {} for name in views}
        for source, view in views.items():
            mean, directions = whitening(view, self.components, _WHITENING)
            rows = whitened_rows(view, mean, directions, directions.shape[1])
            for target, other in views.items():
                paired = view.present & other.present
                if target == source or not paired.any():
                    continue
                regression, trust = self._regress(rows[paired], other.vectors[paired])
                maps[target][source] = {
                    "centre": _mean(view.vectors[paired]),
                    "map": (directions @ regression).astype(np.float32),
                    "offset": _mean(other.vectors[paired]),
                    "trust": trust.astype(np.float32),
                }
        return maps

    def _regress(self, rows: Doubles, targets: Floats) -> tuple[Doubles, Doubles]:
        """Return the map (r, d) from centred rows to centred targets, and its trust (d,)."""
        if self.method == "cca":
            return regress_through_subspace(rows, targets, self.components)
        return ridge_regression(rows, targets, _RIDGES if self.ridge is None else (self.ridge,))


def _by_regression(
    imputer: Impute, views: Mapping[str, Embeddings], name: str, absent: Ints
) -> tuple[Floats, Bools]:
    total = np.zeros((len(absent), imputer.widths_[name]))
    weight = np.zeros_like(total)
    for source, regression in sorted(imputer.maps_.get(name, {}).items()):
        if source not in views:
            continue
        trust = views[source].present[absent, None] * regression["trust"]
        rows = (views[source].vectors[absent] - regression["centre"]) @ regression["map"]
        total += trust * (rows + regression["offset"])
        weight += trust
    mean = imputer.means_.get(name, np.zeros(imputer.widths_[name], np.float32))
    known = weight > 0
    predicted = np.where(known, total / np.where(known, weight, 1), mean)
    return predicted.astype(np.float32), np.asarray(known.any(axis=1))


def _by_neighbours(
    imputer: Impute, views: Mapping[str, Embeddings], name: str, absent: Ints
) -> tuple[Floats, Bools]:
    view, near = views[name], imputer.near_.get(name)
    if near is None or near.shape[0] != len(view):
        return np.zeros((len(absent), view.width), np.float32), np.zeros(len(absent), bool)
    counts = near[absent] @ view.present.astype(np.float32)
    sums = near[absent] @ view.vectors  # rows absent since fit are 0
    return np.asarray(sums / np.maximum(counts, 1)[:, None], np.float32), counts > 0


def _by_mean(
    imputer: Impute, views: Mapping[str, Embeddings], name: str, absent: Ints
) -> tuple[Floats, Bools]:
    mean = imputer.means_.get(name, np.zeros(views[name].width, np.float32))
    return np.tile(mean, (len(absent), 1)), np.full(len(absent), name in imputer.means_)


def _by_zero(
    imputer: Impute,  # noqa: ARG001 - same signature for all
    views: Mapping[str, Embeddings],
    name: str,
    absent: Ints,
) -> tuple[Floats, Bools]:
    return np.zeros((len(absent), views[name].width), np.float32), np.ones(len(absent), bool)


_METHODS: Mapping[
    str, Callable[[Impute, Mapping[str, Embeddings], str, Ints], tuple[Floats, Bools]]
] = {
    "ridge": _by_regression,
    "cca": _by_regression,
    "neighbours": _by_neighbours,
    "mean": _by_mean,
    "zero": _by_zero,
}
"""Method -> rows (m, d) for the absent items, and which of them it can predict (m,)."""


def _mean(rows: Floats) -> Floats:
    return np.asarray(rows.mean(axis=0, dtype=np.float64), np.float32)


def ridge_regression(
    rows: Doubles, targets: Floats, ridges: Sequence[float]
) -> tuple[Doubles, Doubles]:
    """Return the map (r, d) from centred rows to centred targets, and its trust (d,).

    Of the ridges the one with the least leave-one-out error; trust is `column_trust` of that error.
    """
    count = len(rows)
    x, y = rows - rows.mean(axis=0), targets - targets.mean(axis=0, dtype=np.float64)
    fits = [_leave_one_out(x, y, max(ridge, _TINY)) for ridge in ridges]
    regression, errors = min(fits, key=lambda fit: float(fit[1].sum()))
    mean_errors = ((y / max(1 - 1 / count, _TINY)) ** 2).sum(axis=0)
    return regression, column_trust(targets, errors, mean_errors)


def _leave_one_out(x: Doubles, y: Doubles, ridge: float) -> tuple[Doubles, Doubles]:
    """Return the map, and (d,) the summed squares of e_i / (1 - 1/m - h_i), h its leverages."""
    count = len(x)
    gram = x.T @ x / count + ridge * np.eye(x.shape[1])
    solved = np.linalg.solve(gram, x.T / count)  # (r, m)
    regression = solved @ y
    leverage = 1 / count + np.einsum("mr,rm->m", x, solved)
    errors = (y - x @ regression) / np.maximum(1 - leverage, _TINY)[:, None]
    return regression, (errors**2).sum(axis=0)


def _neighbours(views: Mapping[str, Embeddings], train: Interactions, count: int) -> dict[str, Csr]:
    """Return for each view (n, n) 1 where the column is among the row's nearest that have it."""
    matrix = train.positives()
    matrix.data[:] = 1
    lengths = np.sqrt(np.maximum(np.asarray(matrix.sum(axis=0)).ravel(), 1))
    unit = sparse.csr_array(matrix @ sparse.diags_array(1 / lengths))
    items = unit.shape[1]
    step = max(1, _BLOCK_BYTES // (4 * max(1, items)))
    lists: dict[str, list[Ints]] = {name: [] for name in views}
    for start in range(0, items, step):
        cosines = (unit[:, start : start + step].T @ unit).toarray()  # (b, n)
        block = np.arange(len(cosines))
        cosines[block, start + block] = 0
        cosines = np.where(cosines > 0, cosines, -np.inf).astype(np.float32)
        for name, view in views.items():
            candidates = np.where(view.present, cosines, np.float32(-np.inf))
            lists[name].append(top_k(candidates, count)[0])
    return {name: _graph(blocks, items) for name, blocks in lists.items()}


def _graph(blocks: list[Ints], items: int) -> Csr:
    neighbours = np.concatenate(blocks) if blocks else np.empty((0, 0), np.int64)
    rows, ranks = np.nonzero(neighbours >= 0)
    ones = np.ones(len(rows), np.float32)
    return sparse.csr_array((ones, (rows, neighbours[rows, ranks])), shape=(items, items))
