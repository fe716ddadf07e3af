"""From a request to a list: query -> filters -> ranking -> fallback chain.

A list begins with the first source that has items for it, and is filled up by the next:

    user, session   the model's scores, for a history with items that the model was trained on
    content         similarity to the history's content, where the model scores none of its items
    popular         recent popularity, then popularity in training; new items come last

Each item comes with its source, and a list shorter than requested with the reasons.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import NamedTuple

import numpy as np

from polyrec.index.filters import NO_FILTERS, Filters
from polyrec.index.topk import top_of_row
from polyrec.serve.metrics import LISTS
from polyrec.serve.ranking.mmr import diversify
from polyrec.serve.ranking.visible import (
    ExcludedItems,
    best_ids,
    clear_rows,
    hide_rows,
    rows_of_model,
)
from polyrec.serve.state.history import History, SeenRule
from polyrec.serve.state.live import LiveState
from polyrec.serve.state.serving_model import ServingModel
from polyrec.types import FUSED, Bools, Floats, Ints, Query

USER, SESSION, CONTENT, POPULAR = "user", "session", "content", "popular"
_COUNTERS = {source: LISTS.labels(source) for source in (USER, SESSION, CONTENT, POPULAR, "none")}
_BATCH_BYTES = 16 * 2**20  # scores held at once
_MIN_POOL = 200  # candidates for diversity, at least
_ALL_SEEN = SeenRule()
_BOOST = 0.25  # of the scores' range, for items that suit the context


@dataclass(frozen=True)
class ListRequest:
    """Whose list, of what length, under which conditions."""

    history: History
    n: int
    offset: int = 0
    source: str = SESSION  # or USER: the name of the model's own items in the list
    user: int = -1  # row among the bundle's users
    filters: Filters = NO_FILTERS
    exclude: ExcludedItems = field(default_factory=ExcludedItems)
    prefer: Mapping[str, Sequence[str]] = field(default_factory=dict)  # labels of the context
    diversity: float = 0.0
    seen: SeenRule = field(default_factory=SeenRule)
    liked: Bools | None = None  # by catalogue row: items of stated tastes, which rank higher

    @property
    def depth(self) -> int:
        """Return the length of the list before the offset is cut off."""
        return self.n + self.offset


class RankedList(NamedTuple):
    """Ids, best first, with scores and sources; a later source's scores are lower."""

    ids: list[str]
    scores: list[float]
    sources: list[str]
    reasons: list[str]  # why there are fewer than requested


_Ranked = tuple[list[str], list[float]]  # ids and scores of one source
_NOTHING: _Ranked = ([], [])


def recommend(live: LiveState, requests: Sequence[ListRequest]) -> list[RankedList]:
    """Return one list per request, all of them by one model."""
    return list(recommend_each(live, live.model, requests))


def recommend_each(
    live: LiveState, model: ServingModel, requests: Iterable[ListRequest]
) -> Iterator[RankedList]:
    """Yield one list per request by a model, in bounded memory."""
    personal = (with_tastes(live, request) for request in requests)
    for request, scores in _scored(model, personal):
        ranked = _list(live, model, request, scores)
        _COUNTERS[ranked.sources[0] if ranked.sources else "none"].inc()
        yield ranked


def with_tastes(live: LiveState, request: ListRequest) -> ListRequest:
    """Return a request with what its user stated: disliked items excluded, and liked ones raised.

    What the filters require is not excluded: who looks for a category wants to see it.
    """
    tastes = request.history.tastes
    if not tastes:
        return request
    filters = request.filters
    required = {("category", name, "") for name in (*filters.categories, *filters.any_categories)}
    required |= {("label", v, key) for key, values in filters.labels.items() for v in values}
    likes = [t for t in tastes if t.attitude == "like"]
    disliked = live.named_by(
        [t for t in tastes if t.attitude == "dislike" and t[1:] not in required]
    )
    liked = live.named_by(likes)[: len(disliked)]
    disliked &= ~live.named_by([t for t in likes if t.subject == "item"])[: len(disliked)]
    ids = live.visible_mask(NO_FILTERS)[1]
    excluded = [ids[row] for row in np.flatnonzero(disliked).tolist()]
    return replace(request, exclude=ExcludedItems([*request.exclude.ids, *excluded]), liked=liked)


def _scored(
    model: ServingModel, requests: Iterator[ListRequest]
) -> Iterator[tuple[ListRequest, Floats | None]]:
    """Yield each request with the model's scores, None where there are none; in bounded memory."""
    step = max(1, _BATCH_BYTES // (4 * max(1, model.scored_count)))
    while batch := list(islice(requests, step)):
        queries = [request.history.query(model, request.user) for request in batch]
        answerable = [query for query in queries if query is not None]
        scores = iter(model.recommender.score(_concatenate(answerable)) if answerable else ())
        for request, query in zip(batch, queries, strict=True):
            yield request, None if query is None else next(scores)


def _concatenate(queries: Sequence[Query]) -> Query:
    if len(queries) == 1:
        return queries[0]
    return Query(
        np.concatenate([query.users for query in queries]),
        np.cumsum([0, *(len(query.items) for query in queries)]),
        np.concatenate([query.items for query in queries]),
        np.concatenate([query.weights for query in queries]),
    )


def _list(
    live: LiveState, model: ServingModel, request: ListRequest, scores: Floats | None
) -> RankedList:
    ids: list[str] = []
    values: list[float] = []
    sources: list[str] = []
    for source in (request.source, CONTENT, POPULAR):
        if len(ids) >= request.depth:
            break
        if source == POPULAR:
            more, more_scores = _by_popularity(live, model, request, ids)
        elif source == CONTENT:
            more, more_scores = _by_content(live, model, request) if scores is None else _NOTHING
        else:
            more, more_scores = _NOTHING if scores is None else _best(live, model, request, scores)
        # a later source's scores are at most 1; diversity may have left the lowest anywhere
        below = min(values) - 2 if values else 0.0
        values += [below + score for score in more_scores]
        ids += more
        sources += [source] * len(more)
    page = slice(request.offset, request.depth)
    reasons = _reasons(live, request) if len(ids) < request.depth else []
    return RankedList(ids[page], values[page], sources[page], reasons)


def _by_content(live: LiveState, model: ServingModel, request: ListRequest) -> _Ranked:
    """Return the items whose fused content is nearest to the mean of the liked items'."""
    view = model.views.get(FUSED)
    rows, weights = request.history.known_items(model)
    if view is None or not len(rows):
        return _NOTHING
    liked = rows[(weights > 0) & view.present[rows]]
    if not len(liked):
        return _NOTHING
    return _best(live, model, request, model.content.score(FUSED, view.vectors[liked]))


def _best(live: LiveState, model: ServingModel, request: ListRequest, scores: Floats) -> _Ranked:
    """Return the best of the model's rows that may be shown; `scores` is overwritten."""
    hide_rows(scores, live.hidden_rows(model, request.filters))
    hide_rows(scores, _seen_rows(model, request))
    if request.exclude:
        hide_rows(scores, request.exclude.model_rows(model))
    if request.prefer or request.liked is not None:
        _boost(live, model, request, scores)
    if request.diversity > 0:
        rows, values = _diverse(model, scores, request)
        return [model.ids[row] for row in rows.tolist()], values.tolist()
    return best_ids(model, scores, request.depth)


def _seen_rows(model: ServingModel, request: ListRequest) -> Ints:
    if request.seen == _ALL_SEEN:
        return request.history.known_items(model).rows  # cached
    return rows_of_model(model, request.history.hidden(request.seen))


def _diverse(model: ServingModel, scores: Floats, request: ListRequest) -> tuple[Ints, Floats]:
    """Return the rows that maximal marginal relevance picks, and their scores."""
    rows, values = top_of_row(scores, max(_MIN_POOL, 2 * request.depth))
    view = model.views.get(FUSED)
    vectors = np.zeros((len(rows), 1), np.float32)
    if view is not None:
        vectors = np.where(view.present[rows, None], view.vectors[rows], np.float32(0))
    picked = diversify(values, vectors, request.depth, diversity=request.diversity)
    return rows[picked], values[picked]


def _boost(live: LiveState, model: ServingModel, request: ListRequest, scores: Floats) -> None:
    """Raise the scores of items with the preferred labels by a part of the range of scores.

    Likewise those of stated tastes.
    """
    finite = scores[np.isfinite(scores)]
    if not len(finite):
        return
    step = _BOOST * float(np.ptp(finite))
    if request.prefer:
        others = live.hidden_rows(model, Filters(labels=request.prefer))
        preferred = np.ones(len(scores), bool)
        preferred[others[others < len(scores)]] = False
        scores[preferred] += step
    if request.liked is not None:
        rows = live.rows_in_catalog(model)[: len(scores)]
        liked = np.append(request.liked, False)  # the last: deleted and later items
        scores[liked[np.where(rows < len(request.liked), rows, -1)]] += step


def _by_popularity(
    live: LiveState, model: ServingModel, request: ListRequest, listed: Sequence[str]
) -> _Ranked:
    """Return the most popular of the items that are left."""
    allowed, ids = live.visible_mask(request.filters)
    hidden = [*listed, *request.history.hidden(request.seen)]
    clear_rows(allowed, live.rows_of(hidden))
    clear_rows(allowed, request.exclude.catalog_rows(live))
    popularity = live.popularity(model)[: len(allowed)]
    if request.liked is not None:
        popularity[: len(request.liked)][request.liked[: len(popularity)]] += _BOOST
    scores = np.where(allowed, popularity, -np.inf).astype(np.float32)
    rows, values = top_of_row(scores, request.depth - len(listed))
    return [ids[row] for row in rows.tolist()], values.tolist()


def _reasons(live: LiveState, request: ListRequest) -> list[str]:
    """Return how many items each condition leaves."""
    visible, _ = live.visible_mask(NO_FILTERS)
    allowed, _ = live.visible_mask(request.filters)
    reasons = [f"{visible.sum():,} items may be shown"]
    if request.filters:
        reasons.append(f"{allowed.sum():,} of them pass the filters")
    clear_rows(allowed, request.exclude.catalog_rows(live))
    if request.exclude:
        reasons.append(f"{allowed.sum():,} of these are not excluded")
    seen = request.history.hidden(request.seen)
    if seen:
        clear_rows(allowed, live.rows_of(seen))
        reasons.append(f"{allowed.sum():,} of these were not seen yet")
    if request.offset:
        reasons.append(f"{request.offset:,} are skipped by the offset")
    return reasons
