"""Several recommenders heard together, each as much as helps on valid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np

from polyrec.config import PartConfig, make_part, validate_settings
from polyrec.contracts import GrowsItems, Recommender
from polyrec.errors import ConfigError, FitError
from polyrec.recommend.base import popularity, rank
from polyrec.recommend.early_stopping import fit
from polyrec.recommend.ensemble.simplex_search import Candidates, best_weights
from polyrec.registry import find_class
from polyrec.types import Floats, Interactions, Query, Ranking, Views

CLOSED = ({"use": "multimodal_linear"}, {"use": "item_knn"}, {"use": "rp3beta"})
"""The members of a blend that names none: closed forms, which need no torch."""

_VIEWS = "views"


@dataclass
class Blend:
    """score = sum_m w_m z_m, z_m a member's scores of a row brought to mean 0 and deviation 1.

    Members are recommenders with settings, as a config has them: `{use: ease, l2: 300}`. One may be
    there twice, with another seed, and `views: [text]` lets one read that view alone. They learn
    from train alone. The weights, at least 0 and adding
    up to 1, are those that rank valid best (`weighing.best_weights`); without valid they are equal.
    `weights` given are kept.

    `add_items` passes items on to the members that can take them, which alone score them then.

    >>> train = Interactions.of([0, 0, 1, 1, 2], [0, 1, 0, 1, 2], shape=(3, 3))
    >>> blend = Blend([{"use": "item_knn", "shrink": 1}, {"use": "rp3beta"}]).fit(train, {})
    >>> blend.recommend(Query.of([[0]]), 1).items
    array([[1]])
    """

    members: list[dict[str, Any]] = field(default_factory=lambda: [dict(part) for part in CLOSED])
    weights: list[float] | None = None
    device: str = "auto"  # of members that say none; so is the seed
    seed: int = 7

    stops_on_valid: ClassVar[bool] = True

    members_: list[Recommender] = field(init=False, repr=False, compare=False)
    known_: list[int] = field(init=False, repr=False, compare=False)  # items each member knows
    weights_: Floats = field(init=False, repr=False, compare=False)  # (m,)
    popularity_: Floats = field(init=False, repr=False, compare=False)  # (n,)

    def __post_init__(self) -> None:
        """Refuse members that are none before any work begins."""
        if not self.members:
            raise ConfigError("a blend needs members", received="none", remedy="name some")
        count = len(list(self.unfitted()))
        if self.weights is None:
            return
        given = np.asarray(self.weights, np.float64)
        if len(given) != count or (given < 0).any() or not 0 < given.sum() < np.inf:
            remedy = f"give {count} numbers of at least 0, not all 0"
            raise ConfigError("weights don't fit the members", received=self.weights, remedy=remedy)

    def fit(self, train: Interactions, items: Views, *, valid: Interactions | None = None) -> Self:
        """Fit every member, then weigh them; forget the past."""
        members = [
            fit(member, train, _read(told, items), valid)
            for told, member in zip(self.members, self.unfitted(), strict=True)
        ]
        return self.join(members, train, valid=valid)

    def join(
        self, members: list[Recommender], train: Interactions, *, valid: Interactions | None = None
    ) -> Self:
        """Weigh members that were fitted elsewhere, on this train; forget the past."""
        self.popularity_ = popularity(train)
        self.members_ = list(members)
        self.known_ = [train.shape[1]] * len(self.members_)
        self.weights_ = self._weigh(train, valid)
        return self

    def add_items(self, views: Views) -> Self:
        """Return a blend that knows these further items too, numbered from n on."""
        able = [isinstance(member, GrowsItems) for member in self.members_]
        if not any(able):
            names = ", ".join(str(member["use"]) for member in self.members)
            remedy = "add a member that reads content, multimodal_linear say"
            raise FitError("no member can take new items", received=names, remedy=remedy)
        grown = replace(self)
        grown.weights_ = self.weights_
        grown.members_ = [
            member.add_items(_read(told, views)) if isinstance(member, GrowsItems) else member
            for told, member in zip(self.members, self.members_, strict=True)
        ]
        count = len(next(iter(views.values()))) if views else 0
        grown.known_ = [known + can * count for known, can in zip(self.known_, able, strict=True)]
        grown.popularity_ = np.concatenate([self.popularity_, np.zeros(count, np.float32)])
        return grown

    def score(self, query: Query) -> Floats:
        """Return (b, n) weighted sums; without history, what is popular."""
        count = len(self.popularity_)
        total = np.zeros((len(query), count), np.float32)
        heard = np.zeros(count, np.float32)  # the weight of the members that know an item
        for weight, scores in zip(self.weights_, self._standard(query), strict=True):
            known = scores.shape[1]
            total[:, :known] += weight * scores
            heard[:known] += weight
        total /= np.where(heard > 0, heard, 1)
        total[:, heard == 0] = total.min(initial=0) - 1  # nobody has an opinion: last
        total[np.diff(query.starts) == 0] = self.popularity_
        return total

    def recommend(self, query: Query, k: int, *, hide_seen: bool = True) -> Ranking:
        """Return the k best items of each row; equal scores go to the lower item number."""
        return rank(self.score, query, k, hide_seen=hide_seen)

    def unfitted(self) -> Iterator[Recommender]:
        """Yield the members as they are before they learn."""
        shared = {"seed": self.seed, "device": self.device}
        for place, told in enumerate(self.members):
            where = f"recommend.members.{place}"
            part = validate_settings(
                PartConfig, {k: v for k, v in told.items() if k != _VIEWS}, where=where
            )
            member = find_class("recommend", part.use)
            yield make_part(member, part.settings, where=where, shared=shared)

    def _weigh(self, train: Interactions, valid: Interactions | None) -> Floats:
        if self.weights is not None:
            given = np.asarray(self.weights, np.float64)
            return np.asarray(given / given.sum(), np.float32)
        equal = np.full(len(self.members_), 1 / len(self.members_), np.float32)
        if valid is None or len(self.members_) == 1:
            return equal
        asked = Candidates.of(lambda query: list(self._standard(query)), train, valid)
        return equal if asked is None else best_weights(asked)

    def _standard(self, query: Query) -> Iterator[Floats]:
        """Yield each member's (b, known items) scores at mean 0 and deviation 1 of each row."""
        for member, known in zip(self.members_, self.known_, strict=True):
            scores = member.score(_within(query, known))
            scores -= scores.mean(axis=1, keepdims=True)
            spread = scores.std(axis=1, keepdims=True)
            yield np.asarray(scores / np.where(spread > 0, spread, 1), np.float32)


def _read(told: Mapping[str, Any], items: Views) -> Views:
    """Return the views that a member may read: those it names, or all."""
    names = told.get(_VIEWS)
    if names is None:
        return items
    absent = set(names) - set(items)
    if absent:
        remedy = f"name views of {', '.join(sorted(items)) or 'none'}"
        raise FitError(f"{told['use']} reads views that are not there", received=sorted(absent),
                       remedy=remedy)  # fmt: skip
    return {name: items[name] for name in names}


def _within(query: Query, items: int) -> Query:
    """Return the questions with only the events on the first `items` items."""
    kept = query.items < items
    starts = np.concatenate([[0], np.cumsum(kept)])[query.starts]
    return Query(query.users, starts, query.items[kept], query.weights[kept])
