"""What recommenders share: popularity, the fallback, ranking with masks, copies that grow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, overload

import numpy as np

from polyrec.contracts import BasePart, cached, copy_learned, learned, part
from polyrec.errors import FitError
from polyrec.index.topk import top_k
from polyrec.lists import HasIds, ItemLists
from polyrec.types import Bools, Floats, Interactions, Ints, Query, Ranking, Views

if TYPE_CHECKING:
    from polyrec.data.load import Dataset

_BATCH_BYTES = 64 * 2**20  # scores held at once while ranking


@part
class BaseRecommender(BasePart):
    """A recommender whose subclass implements `_fit` and `_score`.

    A user without a usable history gets what is popular. A history is usable if it has an event of
    positive weight on an item that the model knows something about, by behaviour or content.
    Ranking, masks, memory bounds and the copy that `add_items` fills are the same for all.
    """

    is_personal: ClassVar[bool] = True  # whether lists differ between users

    popularity_: Floats = learned()  # (n,) summed positive weight in train
    _data: HasIds | None = cached()  # that it was fitted on, for its ids; not saved

    def fit(
        self,
        train: Interactions | Dataset,
        items: Views | None = None,
        *,
        valid: Interactions | None = None,
    ) -> Self:
        """Learn from behaviour and content; forget the past.

        `valid` may decide when to stop and how much to trust what; no event of it is learned. A
        data set stands for its train and valid; then `recommend` takes and returns ids.
        """
        self._data = None
        if not isinstance(train, Interactions):
            self._data = train
            valid = train.valid if valid is None else valid
            train = train.train
        self.popularity_ = popularity(train)
        self._fit(train, {} if items is None else items, valid if valid else None)
        return self

    def score(self, query: Query) -> Floats:
        """Return (b, n) scores in a fresh array; without a usable history, what is popular."""
        scores = self._score(query)
        scores[~self.usable(query)] = self.popularity_
        return scores

    def usable(self, query: Query) -> Bools:
        """Return (b,) whether the model can tell anything from each history."""
        informative = (query.weights > 0) & self._informative(query.items)
        if len(query) == 1:  # a request
            return np.array([informative.any()])
        rows = np.repeat(np.arange(len(query)), np.diff(query.starts))
        return np.bincount(rows[informative], minlength=len(query)) > 0

    @overload
    def recommend(self, query: Query, k: int = ..., *, hide_seen: bool = ...) -> Ranking: ...
    @overload
    def recommend(
        self,
        query: Iterable[str] | None = ...,
        k: int = ...,
        *,
        users: Iterable[str] | None = ...,
        histories: Iterable[Iterable[str]] | None = ...,
        hide_seen: bool = ...,
    ) -> ItemLists: ...
    def recommend(
        self,
        query: Query | Iterable[str] | None = None,
        k: int = 10,
        *,
        users: Iterable[str] | None = None,
        histories: Iterable[Iterable[str]] | None = None,
        hide_seen: bool = True,
    ) -> Ranking | ItemLists:
        """Return the k best items of each row; equal scores go to the lower item number.

        A model that was fitted on a data set takes ids, too: of users, whose histories are all of
        their events in it, or `histories` of item ids. It then returns lists of ids.
        """
        if isinstance(query, Query):
            return rank(self.score, query, k, hide_seen=hide_seen)
        if self._data is None:
            remedy = "fit it on a polyrec.Dataset, or give a Query"
            raise FitError("the model has no ids of users and items", remedy=remedy)
        users = query if users is None else users
        ids = self._data.id_map
        ranking = rank(self.score, ids.query(users, histories=histories), k, hide_seen=hide_seen)
        return ids.name(ranking, users=users, origin=self._data)

    def search_space(self, items: Views) -> Sequence[Mapping[str, Sequence[Any]]]:  # noqa: ARG002
        """Return the settings worth trying on valid, stage by stage: none."""
        return ()

    def ranges(self, items: Views) -> Mapping[str, Any]:  # noqa: ARG002
        """Return where `polyrec tune` looks, beside the candidates of `search_space`."""
        return {}

    def _fit(self, train: Interactions, items: Views, valid: Interactions | None, /) -> None:
        """Learn; `popularity_` is there already. `valid` has events, or is None."""
        raise NotImplementedError

    def _score(self, query: Query, /) -> Floats:
        """Return (b, n) float32 scores in a fresh array; rows without history don't matter."""
        raise NotImplementedError

    def _informative(self, items: Ints, /) -> Bools:
        """Return whether the model knows anything about each of these items: someone took it.

        A model that reads content adds the items that have some.
        """
        return np.asarray(self.popularity_[items] > 0)

    def _grown(self, count: int) -> Self:
        """Return a copy with `count` further items that nobody took; other arrays are shared."""
        grown = copy_learned(self)
        grown.popularity_ = np.concatenate([self.popularity_, np.zeros(count, np.float32)])
        return grown


def popularity(train: Interactions) -> Floats:
    """Return (n,) the summed positive weight of each item."""
    return np.asarray(train.positives().sum(axis=0), np.float32).reshape(-1)


def count_items(views: Views) -> int:
    """Return how many items the views are of; 0 without any view."""
    return len(next(iter(views.values()))) if views else 0


def rank(score: Callable[[Query], Floats], query: Query, k: int, *, hide_seen: bool) -> Ranking:
    """Return the k best items per question from a `score` function, in bounded memory.

    `score` returns fresh arrays, which are written over.
    """
    if k < 1:
        raise FitError("a list holds at least one item", received=k, remedy="ask for k >= 1")
    lists = []
    start = 0
    step = 1  # the first question tells how wide the rows are
    while start < len(query):
        part = query.take(start, min(start + step, len(query)))
        scores = score(part)
        if hide_seen:
            hide_history(scores, part)
        lists.append(top_k(scores, k))
        start += len(part)
        step = max(1, _BATCH_BYTES // (4 * scores.shape[1]))
    if not lists:
        return Ranking(np.empty((0, k), np.int64), np.empty((0, k), np.float32))
    return Ranking(np.concatenate([i for i, _ in lists]), np.concatenate([s for _, s in lists]))


def hide_history(scores: Floats, query: Query) -> None:
    """Set the scores (b, n) of each row's own history to -inf, in place."""
    rows = np.repeat(np.arange(len(query)), np.diff(query.starts))
    known = query.items < scores.shape[1]
    scores[rows[known], query.items[known]] = -np.inf
