"""The closed form of behaviour and content for large catalogues: each column on a few items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from scipy import sparse
from scipy.linalg import eigvalsh, lapack

from polyrec.contracts import cached, learned, part
from polyrec.errors import FitError
from polyrec.recommend.base import count_items
from polyrec.recommend.content_features import readable
from polyrec.recommend.linear.cold_items import column_norms, learn_cold_items
from polyrec.recommend.linear.content_guided import ContentGuided
from polyrec.recommend.linear.item_item import BEHAVIOUR, over_popularity
from polyrec.recommend.linear.neighbourhoods import (
    SparseGram,
    content_neighbours,
    sparse_gram,
)
from polyrec.recommend.linear.sparse_cold_items import SparseColdItems
from polyrec.training.run_context import current_run
from polyrec.types import Csr, Floats, Interactions, Ints, Query, Views

_WIDTH = 2  # entries of a row of R'R that are kept, per neighbour
_CONTENT_SHARE = 4  # neighbours by behaviour per neighbour by content
_MANY = 30_000  # items above which few settings are tried
_HUGE = 300_000  # items above which none are


@part
class SparseLinear(ContentGuided):
    """`multimodal_linear` with each column of W on the neighbours S of its item alone.

    With e = content * l2, the column of item j is exact among the weights that are 0 beyond S,

        W_Sj = (G_SS + l2 I)^-1 (G_Sj + e C_Sj),    G = R'R,  j not in S

    S are the `neighbours` items i with the largest |G_ij| / (G_ii + l2)^.5, and a quarter as many
    by content. SLIM (Ning & Karypis, ICDM 2011) chooses such sets by an L1 norm, SANSA (Spišák et
    al., RecSys 2023) approximates the inverse of all of G by a sparse one. Where every S has all
    items, it equals `multimodal_linear`, without content EASE. G_SS is read from rows that keep
    twice `neighbours` entries: smaller ones count as 0.

    Cold items are placed as there, their rows and columns kept as factors. Time: n of s^3 / 3
    multiply-adds, s the size of S. Memory: 8 n s bytes after the fit, 24 n s at its peak; 4 n s
    more for each view.

    >>> from polyrec.types import Interactions, Query
    >>> train = Interactions.of([0, 0, 1, 1, 2], [0, 1, 0, 1, 2], shape=(3, 3))
    >>> SparseLinear(l2=1).fit(train, {}).recommend(Query.of([[0]]), 1).items
    array([[1]])
    """

    neighbours: int = 200

    small: ClassVar[Mapping[str, Any]] = {"neighbours": 20}

    shares_: dict[str, Floats] = learned()  # view -> the part of each of the weights' entries
    _cold: SparseColdItems | None = cached()

    def add_items(self, views: Views) -> Self:
        """Return a model that knows these further items too, numbered from n on.

        Costs d^2 multiply-adds per item; the first time as much for each cold item.
        """
        grown, fresh = self._with_features(views)
        cold = self._cold_items()
        if cold is not None:
            items = np.arange(len(self.popularity_), len(grown.popularity_))
            grown._cold = cold.append(self.cold_items_, fresh, items, self.norms_)
        return grown

    def search_space(self, items: Views) -> Sequence[Mapping[str, Sequence[Any]]]:
        """Return the settings worth trying on valid, the fewer the larger the catalogue."""
        if not readable(items):  # then content means nothing, and nothing shows the size
            return [{"l2": (100.0, 400.0)}]
        count = count_items(items)
        if count > _HUGE:
            return ()
        if count > _MANY:
            return [{"content": (0.0, 1.5)}, {"l2": (100.0, 400.0)}]
        return [{"l2": (50.0, 100.0, 200.0, 400.0), "content": (0.0, 0.5, 1.5)}]

    def ranges(self, items: Views) -> Mapping[str, Any]:
        """Return where `polyrec tune` looks; `weights` are chosen as in `search_space`."""
        return {**super().ranges(items), "neighbours": [50, 100, 200, 400, 800]}

    def weight_contributions(self, item: int, train: Interactions) -> dict[str, Floats]:  # noqa: ARG002
        """Return what W_:item, (n,), is the sum of: a part of behaviour, and one per view."""
        count, cold = len(self.popularity_), self._cold_items()
        known = self.weights_.shape[0]
        if cold is not None and item in cold.items:
            columns = cold.column(int(np.flatnonzero(cold.items == item)[0]), count)
            return {BEHAVIOUR: np.zeros(count, np.float32), **columns}
        columns = {name: np.zeros(count, np.float32) for name in (BEHAVIOUR, *self.features_)}
        if item >= known:
            return columns
        weights = sparse.csr_array(self.weights_)
        entries = np.flatnonzero(weights.indices == item)
        rows = np.searchsorted(weights.indptr, entries, "right") - 1
        columns[BEHAVIOUR][rows] = weights.data[entries]
        for name, share in self.shares_.items():
            columns[name][rows] = share[entries]
            columns[BEHAVIOUR][rows] -= share[entries]
        for name, column in cold.to_item(item).items() if cold is not None else ():
            columns[name][cold.items] = column  # type: ignore[union-attr]
        return columns

    def _fit(self, train: Interactions, items: Views, _valid: Interactions | None) -> None:
        if self.neighbours < 1:
            raise FitError("neighbours must be over 0", received=self.neighbours,
                           remedy="give neighbours 200, say")  # fmt: skip
        self._cold = None
        self._read(items)
        gram = sparse_gram(train, min(_WIDTH * self.neighbours, train.shape[1]), self.l2)
        self.weights_, self.shares_ = self._solve(gram)
        warm = self.popularity_ > 0
        norms = [column_norms(self.weights_)[warm], column_norms(self.weights_.T.tocsr())[warm]]
        self.norms_ = np.array([n.mean() if len(n) else 0 for n in norms], np.float32)
        self.cold_items_ = learn_cold_items(self.weights_, warm, self.features_, train)

    def _solve(self, gram: SparseGram) -> tuple[Csr, dict[str, Floats]]:
        """Return W, and the part of each view in its entries."""
        warm = self.popularity_ > 0
        near = self._content_neighbours()
        solver = _ColumnSolver(gram, self.l2)
        progress, count = current_run().progress, len(warm)
        rows, columns, values = [], [], []
        for done, item in enumerate(np.flatnonzero(warm)):
            others = gram.items[item, : self.neighbours]
            support = np.unique(np.concatenate([others[others < count], near[item]]))
            support = support[support >= 0]
            if len(support):
                content = [self._pull(name, support, int(item)) for name in self.names_]
                rows.append(support)
                columns.append(np.full(len(support), item))
                values.append(solver.solve(int(item), support, content))
            if done % 1000 == 0:
                progress("solve items", done, count)
        progress("solve items", count, count)
        if not rows:
            return sparse.csr_array((count, count), dtype=np.float32), {}
        parts = np.concatenate(values)  # (entries, 1 + views)
        index = (np.concatenate(rows), np.concatenate(columns))
        order = np.lexsort(index[::-1])
        weights = sparse.csr_array((parts[order].sum(axis=1), tuple(i[order] for i in index)),
                                   shape=(count, count))  # fmt: skip
        shares = {n: parts[order, 1 + view].copy() for view, n in enumerate(self.names_)}
        return weights, shares if self.content else {}

    def _content_neighbours(self) -> Ints:
        """Return (n, c) warm items with the largest weights by content, -1 where there are fewer.

        C_ij is nearly the dot product of rows X_m K_m^.5, side by side.
        """
        warm = self.popularity_ > 0
        if not (self.content and self.names_):
            return np.empty((len(warm), 0), np.int64)
        blocks = []
        for name, share in self._shares().items():
            values, vectors = np.linalg.eigh(self.solvers_[name].astype(np.float64))
            root = (vectors * np.sqrt(np.maximum(values, 0) * share)) @ vectors.T
            blocks.append(self.features_[name] @ root.astype(np.float32))
        rows = np.concatenate(blocks, axis=1) * warm[:, None]
        return content_neighbours(rows, max(1, self.neighbours // _CONTENT_SHARE))

    def _pull(self, name: str, support: Ints, item: int) -> Floats:
        """Return (s,) e w_m C_m at these rows of the column."""
        features, solver = self.features_[name], self.solvers_[name]
        solved = solver @ features[item]
        scale = self.content * self.l2 * self._shares()[name] / (1 - solved @ features[item])
        return np.asarray(scale * (features[support] @ solved), np.float32)

    def _cold_items(self) -> SparseColdItems | None:
        if self._cold is None and self.cold_items_:
            cold = np.flatnonzero(self.popularity_ == 0)
            weights = sparse.csr_array(self.weights_)
            known = {n: rows[: weights.shape[0]] for n, rows in self.features_.items()}
            at_fit = cold[cold < weights.shape[0]]
            state = SparseColdItems.of(self.cold_items_, known, weights, at_fit, self.norms_)
            later = cold[cold >= weights.shape[0]]
            fresh = {name: rows[later] for name, rows in self.features_.items()}
            self._cold = state.append(self.cold_items_, fresh, later, self.norms_)
        return self._cold

    def _score(self, query: Query) -> Floats:
        """Return (b, n); items that a history doesn't reach follow by popularity."""
        weights, cold = sparse.csr_array(self.weights_), self._cold_items()
        history, known = query.matrix(len(self.popularity_)), weights.shape[0]
        reached = sparse.csr_array(history[:, :known] @ weights)
        scores = np.zeros((len(query), len(self.popularity_)), np.float32)
        scores[:, :known] = over_popularity(reached, self.popularity_[:known])
        if cold is not None:
            from_cold = np.diff(history[:, cold.items].indptr) > 0
            scores[from_cold, :known] = reached[np.flatnonzero(from_cold)].toarray()
            cold.add_scores(scores, history)
        return scores


class _ColumnSolver:
    """Ridge regressions of one item on a few others, from the rows of a sparse Gram matrix."""

    def __init__(self, gram: SparseGram, l2: float) -> None:
        self._gram, self._l2 = gram, np.float32(l2)
        self._position = np.full(len(gram.items) + 1, -1, np.int32)  # the last is for pads

    def solve(self, item: int, support: Ints, content: Sequence[Floats]) -> Floats:
        """Return (s, 1 + m) the weights from behaviour, and those from each right side of content.

        With entries of G left out, a system may be indefinite: then its diagonal is raised.
        """
        gram, position, size = self._gram, self._position, len(support)
        position[support] = np.arange(size)
        flat = position[gram.items[support]]
        flat[flat < 0] = size  # beyond the support: a column that is cut off
        flat += np.arange(size, dtype=np.int32)[:, None] * (size + 1)
        system = np.zeros(size * (size + 1), np.float32)
        system[flat.reshape(-1)] = gram.values[support].reshape(-1)
        right = np.zeros((size + 1, 1 + len(content)), np.float32)
        right[position[gram.items[item]], 0] = gram.values[item]
        position[support] = -1
        system, right = system.reshape(size, size + 1)[:, :size], right[:size]
        system = np.where(system == 0, system.T, system)  # one row may keep what the other does not
        system.reshape(-1)[:: size + 1] = gram.diagonal[support] + self._l2
        for view, column in enumerate(content):
            right[:, 1 + view] = column
        return _solve_raised(system, right, self._l2)


def _solve_raised(system: Floats, right: Floats, l2: np.float32) -> Floats:
    """Return the solution of a symmetric system, its diagonal raised if it is not positive."""
    _, solved, failed = lapack.sposv(system, right, lower=1)
    if failed:
        lowest = float(eigvalsh(system, subset_by_index=(0, 0))[0])
        raised = system + (l2 - lowest) * np.eye(len(system), dtype=np.float32)
        _, solved, failed = lapack.sposv(raised, right, lower=1)
    if failed:
        raise FitError("the Gram matrix has no inverse", received=f"l2 {l2}", remedy="raise l2")
    return np.asarray(solved, np.float32)
