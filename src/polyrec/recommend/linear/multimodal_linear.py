"""EASE pulled towards the items' content: behaviour and every modality in one closed form."""

from __future__ import annotations

from typing import Self

import numpy as np

from polyrec.contracts import cached, part
from polyrec.recommend.base import count_items
from polyrec.recommend.linear.append_items import ColdItemState
from polyrec.recommend.linear.cold_items import (
    by_view,
    cold_columns,
    extend_maps,
    learn_cold_items,
    similarity,
)
from polyrec.recommend.linear.content_guided import ContentGuided
from polyrec.recommend.linear.gram import check_memory, gram, inverse, solve
from polyrec.recommend.linear.growable_matrix import GrowableMatrix
from polyrec.recommend.linear.item_item import BEHAVIOUR
from polyrec.types import Bools, Floats, Interactions, Views


@part
class MultimodalLinear(ContentGuided):
    """Item-item weights that explain behaviour and stay close to what content says.

    The closed form of `ContentGuided` (L3AE, CIKM 2025):

        P = (R'R + l2 I)^-1
        W = e P C - P diag((1 + e diag(PC)) / diag(P)),  e = content * l2

    `content` 0 is plain EASE. As C has rank d, PC costs n^2 d instead of n^3.

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

    _cold_state: ColdItemState | None = cached()  # what `add_items` needs again

    def check_size(self, items: int) -> None:
        """Raise `FitError` where a fit of so many items exceeds the memory."""
        check_memory(items, matrices=2)

    def add_items(self, views: Views) -> Self:
        """Return a model that knows these further items too, numbered from n on.

        Costs n d multiply-adds and 8 n bytes per item; the first time n^2 d, and now and then a
        copy of the weights. Those of items that are known stay, and are shared with this model.
        """
        count, known = count_items(views), len(self.popularity_)
        grown, fresh = self._with_features(views)
        grown.cold_items_ = extend_maps(self.cold_items_, count)
        storage = self._storage or GrowableMatrix.copy_of(self.weights_)[0]
        grown._storage, grown.weights_ = storage.grow(known, count)
        if self.cold_items_:
            self._cold_state = self._cold_state or self._make_cold_state()
            columns = cold_columns(grown.cold_items_, fresh).T * self.norms_[0]
            factors = self._cold_state.scaled(self.cold_items_, fresh, float(self.norms_[1]))
            grown._cold_state = self._cold_state.append(grown.weights_, columns, factors)
        return grown

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

    def _fit(self, train: Interactions, items: Views, _valid: Interactions | None) -> None:
        """Solve."""
        self.check_size(train.shape[1])
        self._storage = self._cold_state = None
        self._read(items)
        self.weights_ = self._solve(train)
        warm = self.popularity_ > 0
        self.norms_ = np.array(
            [_mean_norm(self.weights_[:, warm], 0), _mean_norm(self.weights_[warm], 1)], np.float32
        )
        self.cold_items_ = learn_cold_items(self.weights_, warm, self.features_, train)
        self._place_cold_items()

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


def _mean_norm(block: Floats, axis: int) -> float:
    return float(np.linalg.norm(block, axis=axis).mean()) if block.size else 0.0


def _scale_to_norm(block: Floats, axis: int, target: float) -> Floats:
    norms = np.linalg.norm(block, axis=axis, keepdims=True)
    return np.where(norms > 0, target / np.where(norms > 0, norms, 1), 0).astype(np.float32)
