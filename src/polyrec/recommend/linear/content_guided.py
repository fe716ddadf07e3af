"""What item-item models share that behaviour and content decide together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from polyrec.contracts import learned, part
from polyrec.errors import FitError
from polyrec.recommend.base import count_items
from polyrec.recommend.content_features import centred_rows, check_weights, readable
from polyrec.recommend.linear.cold_items import ColdItemMaps
from polyrec.recommend.linear.gram import L2_TRIED
from polyrec.recommend.linear.item_item import ItemItem
from polyrec.types import FUSED, Bools, Embeddings, Floats, Ints, Views


@part
class ContentGuided(ItemItem):
    """W = argmin |R - RW|^2 + l2 |W|^2 with W drawn towards C, diagonal 0.

    C = sum_m w_m EASE(X_m', content_l2), item-item weights from content alone: with
    H_m = X_m K_m X_m' and K_m = (X_m'X_m + content_l2 I)^-1, a view's is H_ij / (1 - H_jj), i != j.
    X_m are the centred, unit-length rows of each view, the fused one only if `weights` names it;
    a missing modality leaves its part of C empty.
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

    def add_items(self, views: Views) -> Self:
        """Return a model that knows these further items too, numbered from n on."""
        raise NotImplementedError

    def reserve_capacity(self) -> Self:
        """Return the same model, with all that `add_items` does only once already done."""
        widths = {name: rows.shape[1] for name, rows in self.features_.items()}
        empty = {name: Embeddings(np.zeros((0, width), np.float32), np.zeros(0, bool))
                 for name, width in widths.items()}  # fmt: skip
        return self.add_items(empty)

    def _with_features(self, views: Views) -> tuple[Self, dict[str, Floats]]:
        """Return a copy that has the features of further items, and these features by view."""
        absent = set(self.features_) - set(views)
        if absent:
            raise FitError("a view is missing", received=sorted(views), remedy=f"give {absent}")
        grown = self._grown(count_items(views))
        fresh = {name: centred_rows(views[name], self.means_[name]) for name in self.features_}
        grown.features_ = {
            name: np.concatenate([rows, fresh[name]]) for name, rows in self.features_.items()
        }
        return grown, fresh

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
        self.names_ = tuple(n for n in names if weights is None or weights.get(n, 0) > 0)
        read = [name for name in names if weights is None or name in weights]
        self.means_ = {n: items[n].vectors[items[n].present].mean(axis=0) for n in read}
        self.features_ = {n: centred_rows(items[n], self.means_[n]) for n in read}
        self.solvers_ = {n: _solver(self.features_[n], self.content_l2) for n in self.names_}

    def _shares(self) -> dict[str, float]:
        weights = self.weights or dict.fromkeys(self.names_, 1.0)
        total = sum(weights[name] for name in self.names_)
        return {name: weights[name] / total for name in self.names_}

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

    def _content_column(self, name: str, item: int) -> Floats:
        """Return (n,) w_m C_m:i of one view."""
        features, solver = self.features_[name], self.solvers_[name]
        column = features @ (solver @ features[item])
        own = column[item]
        column = column / (1 - own)
        column[item] = 0
        return np.asarray(self._shares()[name] * column, np.float32)


def _solver(features: Floats, l2: float) -> Floats:
    square = features.T.astype(np.float64) @ features
    return np.linalg.inv(square + l2 * np.eye(len(square))).astype(np.float32)


def _simplex(names: Sequence[str]) -> list[dict[str, float]]:
    """Return equal weights, then for each view those where it has 1, .9, .75 and .5 of all."""
    candidates = [dict.fromkeys(names, 1 / len(names))]
    for lead in names:
        for share in (1.0, 0.9, 0.75) if len(names) == 2 else (1.0, 0.9, 0.75, 0.5):
            rest = (1 - share) / (len(names) - 1)
            candidates.append({name: share if name == lead else rest for name in names})
    return candidates
