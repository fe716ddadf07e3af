"""EASE pulled towards the items' content: behaviour and every modality in one closed form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from polyrec.contracts import cached, learned, part
from polyrec.errors import FitError
from polyrec.recommend.base import count_items
from polyrec.recommend.content_features import centred_rows, check_weights, readable
from polyrec.recommend.linear.append_items import ColdItemState
from polyrec.recommend.linear.cold_items import (
    ColdItemMaps,
    by_view,
    cold_columns,
    extend_maps,
    learn_cold_items,
    similarity,
)
from polyrec.recommend.linear.gram import L2_TRIED, check_memory, gram, inverse, solve
from polyrec.recommend.linear.growable_matrix import GrowableMatrix
from polyrec.recommend.linear.item_item import BEHAVIOUR, ItemItem
from polyrec.types import FUSED, Bools, Embeddings, Floats, Interactions, Ints, Views


@part
class MultimodalLinear(ItemItem):
    """Item-item weights that explain behaviour and stay close to what content says.

    W = argmin |R - RW|^2 + l2 |W|^2 with W drawn towards C, diagonal 0 (L3AE, CIKM 2025):

        C = sum_m w_m EASE(X_m', content_l2)          item-item from content alone
        P = (R'R + l2 I)^-1
        W = e P C - P diag((1 + e diag(PC)) / diag(P)),  e = content * l2

    `content` 0 is plain EASE. X_m are the centred, unit-length rows of each view, the fused one
    only if `weights` names it; a missing modality leaves its part of C empty. With
    H_m = X_m K_m X_m', K_m = (X_m'X_m + content_l2 I)^-1, the content model is
    C_ij = H_ij / (1 - H_jj), so PC costs n^2 d instead of n^3.

    An item without behaviour is represented by the warm items s similar to it: its column is W s,
    scaled to the mean norm of the warm columns, its row s'W likewise; s comes from all views that
    `weights` does not leave out, 0 included. How far to trust which view is learned from items left
    out of train (`linear.cold_items`). `add_items` does the same for new items.
    Memory: 8 n^2 bytes while fitting, 4 n^2 after. Time: n^3 + n^2 d multiply-adds.

    >>> from polyrec.types import Embeddings, Interactions, Query
    >>> train = Interactions.of([0, 0, 1, 1], [0, 1, 0, 1], shape=(2, 3))
    >>> rows = np.array([[1, 0], [0, 1], [0, 1]], np.float32)
    >>> views = {"text": Embeddings(rows, np.ones(3, bool))}
    >>> MultimodalLinear().fit(train, views).recommend(Query.of([[1]]), 1).items
    array([[2]])
    """

    l2: float = 200.0
    content: float = 1.5
    content_l2: float = 5.0
    # view -> w_m >= 0, made to add up to 1; None: equal. Weight 0: read for new items alone
    weights: dict[str, float] | None = None

    names_: tuple[str, ...] = learned()  # the views that are read
    means_: dict[str, Floats] = learned()  # (d,) of each view
    features_: dict[str, Floats] = learned()  # X_m (n, d)
    solvers_: dict[str, Floats] = learned()  # K_m (d, d)
    norms_: Floats = learned()  # mean norm of the warm (columns, rows)
    cold_items_: ColdItemMaps = learned()
    _cold_state: ColdItemState | None = cached()  # what `add_items` needs again

    def add_items(self, views: Views) -> Self:
        """Return a model that knows these further items too, numbered from n on.

        Costs n d multiply-adds and 8 n bytes per item; the first time n^2 d, and now and then a
        copy of the weights. Those of items that are known stay, and are shared with this model.
        """
        absent = set(self.features_) - set(views)
        if absent:
            raise FitError("a view is missing", received=sorted(views), remedy=f"give {absent}")
        count, known = count_items(views), len(self.popularity_)
        grown = self._grown(count)
        fresh = {name: centred_rows(views[name], self.means_[name]) for name in self.features_}
        grown.features_ = {
            name: np.concatenate([rows, fresh[name]]) for name, rows in self.features_.items()
        }
        grown.cold_items_ = extend_maps(self.cold_items_, count)
        storage = self._storage or GrowableMatrix.copy_of(self.weights_)[0]
        grown._storage, grown.weights_ = storage.grow(known, count)
        if self.cold_items_:
            self._cold_state = self._cold_state or self._make_cold_state()
            columns = cold_columns(grown.cold_items_, fresh).T * self.norms_[0]
            factors = self._cold_state.scaled(self.cold_items_, fresh, float(self.norms_[1]))
            grown._cold_state = self._cold_state.append(grown.weights_, columns, factors)
        return grown

    def reserve_capacity(self) -> Self:
        """Return the same model, with all that `add_items` does only once already done."""
        widths = {name: rows.shape[1] for name, rows in self.features_.items()}
        empty = {name: Embeddings(np.zeros((0, width), np.float32), np.zeros(0, bool))
                 for name, width in widths.items()}  # fmt: skip
        return self.add_items(empty)

    def search_space(self, items: Views) -> Sequence[Mapping[str, Sequence[Any]]]:
        """Return the settings worth trying on valid, stage by stage."""
        names = readable(items)
        # late or early fusion: valid decides
        early = [{FUSED: 1.0, **dict.fromkeys(names, 0.0)}] if FUSED in items else []
        return [
            {"weights": [*_simplex(names), *early]} if len(names) > 1 else {},
            {"content_l2": (1.0, 2.0, 5.0, 10.0, 20.0, 50.0)} if names else {},
            {"l2": L2_TRIED, "content": (0.0, 0.25, 0.5, 1.0, 1.5, 2.0)},
        ]

    def ranges(self, items: Views) -> Mapping[str, Any]:
        """Return where `polyrec tune` looks; `weights` are chosen as in `search_space`."""
        strength = {"l2": {"low": 10, "high": 5000, "log": True}}
        if not readable(items):
            return strength
        return strength | {
            "content": {"low": 0.1, "high": 5, "log": True},
            "content_l2": {"low": 0.5, "high": 100, "log": True},
        }

    def weight_contributions(self, item: int, train: Interactions) -> dict[str, Floats]:
        """Return what W_:item, (n,), is the sum of: EASE's own column, and one per view.

        With C = sum_m w_m C_m and e as above, W_:i = -P_:i / P_ii + sum_m w_m e (PC_m:i - P_:i
        (PC_m)_ii / P_ii): each part is 0 at i, and without content the first is all. P is not kept:
        its few columns are solved for from `train`. Where either item has no behaviour, the weight
        comes from content alone.
        """
        if not self.features_:
            return super().weight_contributions(item, train)
        column = np.asarray(self.weights_[:, item])
        cold = self.popularity_ == 0
        parts = _in_proportion(column, self._cold_parts(item, cold))
        if not cold[item] and self.names_:
            content = np.stack([self._content_column(name, item) for name in self.names_], axis=1)
            warm = self._warm_parts(item, content[: train.shape[1]], train)
            views = [list(self.features_).index(name) for name in self.names_]
            parts[np.ix_(~cold, views)] = warm[~cold[: len(warm)]]
        columns = dict(zip(self.features_, parts.T, strict=True))
        return {BEHAVIOUR: column - parts.sum(axis=1), **columns}

    def _cold_parts(self, item: int, cold: Bools) -> Floats:
        """Return (n, m) the views' parts where this or the other item has no behaviour, else 0.

        Only their proportions count: the column was brought to a norm.
        """
        parts = np.zeros((len(cold), len(self.features_)), np.float32)
        if cold[item]:
            row = {name: features[[item]] for name, features in self.features_.items()}
            columns = by_view(self.cold_items_, row, "column")
            parts[:] = np.concatenate([columns[name] for name in self.features_]).T
        rows = {name: features[cold] for name, features in self.features_.items()}
        similar = by_view(self.cold_items_, rows, "similarity")
        for view, name in enumerate(self.features_):
            parts[cold, view] = similar[name] @ self.weights_[:, item]
        return parts

    def _warm_parts(self, item: int, content: Floats, train: Interactions) -> Floats:
        """Return (n, m) the views' parts of the column of an item that has behaviour."""
        right = np.zeros((len(content), 1 + content.shape[1]))
        right[item, 0] = 1  # for P_:i
        right[:, 1:] = content
        solved = solve(train, self.l2, right)
        prior = solved[:, 0] / solved[item, 0]
        pulled = solved[:, 1:] - np.outer(prior, solved[item, 1:])
        return np.asarray(self.content * self.l2 * pulled, np.float32)

    def _content_column(self, name: str, item: int) -> Floats:
        """Return (n,) w_m C_m:i of one view."""
        features, solver = self.features_[name], self.solvers_[name]
        column = features @ (solver @ features[item])
        own = column[item]
        column = column / (1 - own)
        column[item] = 0
        return np.asarray(self._shares()[name] * column, np.float32)

    def _fit(self, train: Interactions, items: Views, _valid: Interactions | None) -> None:
        """Solve."""
        check_memory(train.shape[1], matrices=2)
        self._read(items)
        self.weights_ = self._solve(train)
        warm = self.popularity_ > 0
        self.norms_ = np.array(
            [_mean_norm(self.weights_[:, warm], 0), _mean_norm(self.weights_[warm], 1)], np.float32
        )
        self.cold_items_ = learn_cold_items(self.weights_, warm, self.features_, train)
        self._place_cold_items()

    def _informative(self, items: Ints) -> Bools:
        known = super()._informative(items)
        for features in self.features_.values():
            known |= features[items].any(axis=1)
        return known

    def _read(self, items: Views) -> None:
        weights = self.weights
        check_weights(weights, items)
        names = readable(items)
        if weights and FUSED in weights and FUSED in items and items[FUSED].present.any():
            names.append(FUSED)
        self._storage = self._cold_state = None
        self.names_ = tuple(n for n in names if weights is None or weights.get(n, 0) > 0)
        read = [name for name in names if weights is None or name in weights]
        self.means_ = {n: items[n].vectors[items[n].present].mean(axis=0) for n in read}
        self.features_ = {n: centred_rows(items[n], self.means_[n]) for n in read}
        self.solvers_ = {n: _solver(self.features_[n], self.content_l2) for n in self.names_}

    def _shares(self) -> dict[str, float]:
        weights = self.weights or dict.fromkeys(self.names_, 1.0)
        total = sum(weights[name] for name in self.names_)
        return {name: weights[name] / total for name in self.names_}

    def _solve(self, train: Interactions) -> Floats:
        prior = inverse(gram(train), self.l2)
        pull = np.float32(self.content * self.l2)
        left, right, own = self._content()
        smoothed = prior @ left  # (n, sum of d)
        pulled = np.einsum("nd,dn->n", smoothed, right) - np.diag(prior) * own  # diag(PC)
        scale = pull * own + (1 + pull * pulled) / np.diag(prior)
        weights = np.asarray(prior)
        weights *= -scale
        if left.shape[1]:
            for start in range(0, len(weights), 1024):
                weights[:, start : start + 1024] += smoothed @ (
                    pull * right[:, start : start + 1024]
                )
        np.fill_diagonal(weights, 0)
        return weights

    def _content(self) -> tuple[Floats, Floats, Floats]:
        """Return A (n, d), B (d, n), s (n,) with C = AB - diag(s)."""
        items = len(self.popularity_)
        left, right, own = (
            [np.empty((items, 0), np.float32)],
            [np.empty((0, items), np.float32)],
            0.0,
        )
        for name, share in self._shares().items():
            features, solver = self.features_[name], self.solvers_[name]
            solved = solver @ features.T  # (d, n)
            hat = np.einsum("nd,dn->n", features, solved)
            left.append(features)
            right.append(np.float32(share) * solved / (1 - hat))
            own = own + share * hat / (1 - hat)
        total = np.broadcast_to(np.asarray(own, np.float32), (items,))
        return np.concatenate(left, axis=1), np.concatenate(right), total

    def _place_cold_items(self) -> None:
        """Give the items without behaviour columns and rows at the norms of the others."""
        cold = self.popularity_ == 0
        if not cold.any() or not self.cold_items_:
            return
        rows = {name: features[cold] for name, features in self.features_.items()}
        columns = cold_columns(self.cold_items_, rows).T  # (n, c)
        self.weights_[:, cold] = columns * self.norms_[0]
        # in a history a cold item stands for the warm ones that represent it
        answers = similarity(self.cold_items_, rows) @ self.weights_
        self.weights_[cold] = answers * _scale_to_norm(answers[:, ~cold], 1, self.norms_[1])
        np.fill_diagonal(self.weights_, 0)

    def _make_cold_state(self) -> ColdItemState:
        cold = np.flatnonzero(self.popularity_ == 0)
        norm = float(self.norms_[1])
        return ColdItemState.of(self.cold_items_, self.features_, self.weights_, cold, norm)


def _in_proportion(column: Floats, parts: Floats) -> Floats:
    """Return (n, m) the column (n,) divided in the proportions of `parts` (n, m); 0 where all are.

    Rows of the result add up to the column.
    """
    total = parts.sum(axis=1)
    scale = np.where(total != 0, column / np.where(total != 0, total, 1), 0)
    return np.asarray(parts * scale[:, None], np.float32)


def _solver(features: Floats, l2: float) -> Floats:
    square = features.T.astype(np.float64) @ features
    return np.linalg.inv(square + l2 * np.eye(len(square))).astype(np.float32)


def _mean_norm(block: Floats, axis: int) -> float:
    return float(np.linalg.norm(block, axis=axis).mean()) if block.size else 0.0


def _scale_to_norm(block: Floats, axis: int, target: float) -> Floats:
    norms = np.linalg.norm(block, axis=axis, keepdims=True)
    return np.where(norms > 0, target / np.where(norms > 0, norms, 1), 0).astype(np.float32)


def _simplex(names: Sequence[str]) -> list[dict[str, float]]:
    """Return equal weights, then for each view those where it has 1, .9, .75 and .5 of all."""
    candidates = [dict.fromkeys(names, 1 / len(names))]
    for lead in names:
        for share in (1.0, 0.9, 0.75) if len(names) == 2 else (1.0, 0.9, 0.75, 0.5):
            rest = (1 - share) / (len(names) - 1)
            candidates.append({name: share if name == lead else rest for name in names})
    return candidates
