"""Several recommenders combined, with weights chosen on valid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Self

import numpy as np

from polyrec.config import PartConfig, make_part, validate_settings
from polyrec.contracts import ChecksSize, GrowsItems, Recommender, StopsOnValid, learned, part
from polyrec.errors import ConfigError, FitError
from polyrec.recommend.base import BaseRecommender, count_items, popularity
from polyrec.recommend.ensemble.simplex_search import Candidates, best_weights
from polyrec.registry import find_class
from polyrec.types import Bools, Floats, Interactions, Query, Views

CLOSED = ({"use": "multimodal_linear"}, {"use": "item_knn"}, {"use": "rp3beta"})
"""The members of a blend that names none: closed forms, which need no torch."""

_VIEWS = "views"


@part
class Blend(BaseRecommender):
    """score = sum_m w_m z_m, z_m a member's scores of a row brought to mean 0 and deviation 1.

    Members are recommenders with settings, as a config has them: `{use: ease, l2: 300}`. One may be
    there twice, with another seed, and `views: [text]` lets one read that view alone. They learn
    from train alone. The weights, at least 0 and adding up to 1, are those that rank valid best
    (`simplex_search.best_weights`); without valid they are equal. Set `weights` are kept.

    `add_items` passes items on to the members that can take them, which alone score them then.

    >>> train = Interactions.of([0, 0, 1, 1, 2], [0, 1, 0, 1, 2], shape=(3, 3))
    >>> blend = Blend([{"use": "item_knn", "shrink": 1}, {"use": "rp3beta"}]).fit(train, {})
    >>> blend.recommend(Query.of([[0]]), 1).items
    array([[1]])
    """

    members: list[dict[str, Any]] = field(default_factory=lambda: [dict(m) for m in CLOSED])
    weights: list[float] | None = None
    device: str = "auto"  # of members that say none; so is the seed
    seed: int = 7

    members_: list[Recommender] = learned()
    known_: list[int] = learned()  # items each member knows
    weights_: Floats = learned()  # (m,)

    def __post_init__(self) -> None:
        """Refuse unknown members, and weights that don't fit them, before any work begins."""
        if not self.members:
            raise ConfigError("a blend needs members", received="none", remedy="name some")
        count = len(list(self.unfitted()))
        if self.weights is None:
            return
        weights = np.asarray(self.weights, np.float64)
        if len(weights) != count or (weights < 0).any() or not 0 < weights.sum() < np.inf:
            remedy = f"give {count} numbers of at least 0, not all 0"
            raise ConfigError("weights don't fit the members", received=self.weights, remedy=remedy)

    def join(
        self, members: list[Recommender], train: Interactions, *, valid: Interactions | None = None
    ) -> Self:
        """Combine members that were fitted elsewhere, on this train; forget the past."""
        self.popularity_ = popularity(train)
        self._combine(members, train, valid)
        return self

    def add_items(self, views: Views) -> Self:
        """Return a blend that knows these further items too, numbered from n on."""
        growing = [isinstance(member, GrowsItems) for member in self.members_]
        if not any(growing):
            names = ", ".join(str(member["use"]) for member in self.members)
            remedy = "add a member that reads content, multimodal_linear say"
            raise FitError("no member can take new items", received=names, remedy=remedy)
        count = count_items(views)
        grown = self._grown(count)
        grown.members_ = [
            m.add_items(_views_of(settings, views)) if isinstance(m, GrowsItems) else m
            for settings, m in zip(self.members, self.members_, strict=True)
        ]
        grown.known_ = [n + grows * count for n, grows in zip(self.known_, growing, strict=True)]
        return grown

    def learning_curve(self) -> Sequence[float]:
        """Return the curve of the first member that has one."""
        curves = (m.learning_curve() for m in self.members_ if isinstance(m, StopsOnValid))
        return next((curve for curve in curves if curve), ())

    def unfitted(self) -> Iterator[Recommender]:
        """Yield the members before they are fitted."""
        shared = {"seed": self.seed, "device": self.device}
        for index, member in enumerate(self.members):
            where = f"recommend.members.{index}"
            own = {k: v for k, v in member.items() if k != _VIEWS}
            config = validate_settings(PartConfig, own, where=where)
            kind = find_class("recommend", config.use)
            yield make_part(kind, config.settings, where=where, shared=shared)

    def usable(self, query: Query) -> Bools:
        """Return (b,) whether any member can tell anything from each history."""
        members = zip(self.members_, self.known_, strict=True)
        usable = [member.usable(_within(query, known)) for member, known in members]
        return np.asarray(np.any(usable, axis=0))

    def check_size(self, items: int) -> None:
        """Raise `FitError` where a fit of a member exceeds the memory."""
        for member in self.unfitted():
            if isinstance(member, ChecksSize):
                member.check_size(items)

    def _fit(self, train: Interactions, items: Views, valid: Interactions | None) -> None:
        """Fit every member, then weigh them."""
        members = [
            member.fit(train, _views_of(settings, items), valid=valid)
            for settings, member in zip(self.members, self.unfitted(), strict=True)
        ]
        self._combine(members, train, valid)

    def _combine(
        self, members: list[Recommender], train: Interactions, valid: Interactions | None
    ) -> None:
        self.members_ = list(members)
        self.known_ = [train.shape[1]] * len(self.members_)
        self.weights_ = self._choose_weights(train, valid)

    def _score(self, query: Query) -> Floats:
        """Return (b, n) weighted sums; items that no member knows come last."""
        count = len(self.popularity_)
        total = np.zeros((len(query), count), np.float32)
        weight_of_item = np.zeros(count, np.float32)  # of the members that know it
        for weight, scores in zip(self.weights_, self._standard_scores(query), strict=True):
            known = scores.shape[1]
            total[:, :known] += weight * scores
            weight_of_item[:known] += weight
        total /= np.where(weight_of_item > 0, weight_of_item, 1)
        total[:, weight_of_item == 0] = total.min(initial=0) - 1
        return total

    def _choose_weights(self, train: Interactions, valid: Interactions | None) -> Floats:
        if self.weights is not None:
            weights = np.asarray(self.weights, np.float64)
            return np.asarray(weights / weights.sum(), np.float32)
        equal = np.full(len(self.members_), 1 / len(self.members_), np.float32)
        if valid is None or len(self.members_) == 1:
            return equal
        candidates = Candidates.of(lambda query: list(self._standard_scores(query)), train, valid)
        return equal if candidates is None else best_weights(candidates)

    def _standard_scores(self, query: Query) -> Iterator[Floats]:
        """Yield each member's (b, known items) scores at mean 0 and deviation 1 of each row."""
        for member, known in zip(self.members_, self.known_, strict=True):
            scores = member.score(_within(query, known))
            scores -= scores.mean(axis=1, keepdims=True)
            spread = scores.std(axis=1, keepdims=True)
            yield np.asarray(scores / np.where(spread > 0, spread, 1), np.float32)


def _views_of(member: Mapping[str, Any], items: Views) -> Views:
    """Return the views that a member reads: those it names, or all."""
    names = member.get(_VIEWS)
    if names is None:
        return items
    absent = set(names) - set(items)
    if absent:
        remedy = f"name views of {', '.join(sorted(items)) or 'none'}"
        raise FitError(f"{member['use']} reads views that don't exist", received=sorted(absent),
                       remedy=remedy)  # fmt: skip
    return {name: items[name] for name in names}


def _within(query: Query, items: int) -> Query:
    """Return the questions with only the events on the first `items` items."""
    kept = query.items < items
    starts = np.concatenate([[0], np.cumsum(kept)])[query.starts]
    return Query(query.users, starts, query.items[kept], query.weights[kept])
