"""From a question to a list: query -> filters -> ranking -> fallback chain.

A list comes from the first source that has something to say, and what it lacks from the next:

    user, session   the model's scores, for a history with items that it has learned about
    content         nearness to the history's content, where the model has no score for its items
    popular         what was popular of late, then in training; the new come last

Who is answered is told from where each item comes, and why there are fewer than asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from polyrec.index.topk import top_of_row
from polyrec.serve.metrics import LISTS
from polyrec.serve.ranking.mmr import diversify
from polyrec.serve.state.history import History
from polyrec.serve.state.live import LiveState
from polyrec.serve.state.live_catalog import NO_FILTERS, Filters
from polyrec.serve.state.serving_model import ServingModel
from polyrec.types import FUSED, Floats, Ints, Query

USER, SESSION, CONTENT, POPULAR = "user", "session", "content", "popular"
_BEGUN = {source: LISTS.labels(source) for source in (USER, SESSION, CONTENT, POPULAR, "none")}
_BATCH_BYTES = 64 * 2**20  # scores held at once
_POOL = 200  # candidates that diversity chooses from, at least
_LIFT = 0.25  # of the scores' range, for items that suit the context


@dataclass(frozen=True)
class ListRequest:
    """Whom to answer, with what."""

    history: History
    n: int
    offset: int = 0
    source: str = SESSION  # or USER: how an answer by the model is called
    user: int = -1  # row among the bundle's users
    filters: Filters = NO_FILTERS
    exclude: Sequence[str] = ()
    prefer: Mapping[str, Sequence[str]] = field(default_factory=dict)  # labels of the context
    diversity: float = 0.0
    hide_seen: bool = True

    @property
    def reach(self) -> int:
        """Return how many items the list has before the offset is cut off."""
        return self.n + self.offset


class RankedList(NamedTuple):
    """Ids, best first, with scores and sources; scores of a later source lie below."""

    ids: list[str]
    scores: list[float]
    sources: list[str]
    reasons: list[str]  # for fewer than asked for


class _Part(NamedTuple):
    """What one source found."""

    ids: list[str]
    scores: list[float]


def recommend(live: LiveState, questions: Sequence[ListRequest]) -> list[RankedList]:
    """Return one answer per question, all of them by one model."""
    model = live.model
    found = [_answer(live, model, question, row) for question, row in _scored(model, questions)]
    for answer in found:
        _BEGUN[answer.sources[0] if answer.sources else "none"].inc()
    return found


def _scored(
    model: ServingModel, questions: Sequence[ListRequest]
) -> Iterator[tuple[ListRequest, Floats | None]]:
    """Yield each question with the model's scores, None where it has none; memory is bounded."""
    step = max(1, _BATCH_BYTES // (4 * max(1, model.scored_count)))
    for start in range(0, len(questions), step):
        part = questions[start : start + step]
        queries = [asked.history.query(model, asked.user) for asked in part]
        told = [query for query in queries if query is not None]
        scores = iter(model.recommender.score(_joined(told)) if told else ())
        for question, query in zip(part, queries, strict=True):
            yield question, None if query is None else next(scores)


def _joined(queries: Sequence[Query]) -> Query:
    if len(queries) == 1:
        return queries[0]
    starts = np.cumsum([0, *(len(query.items) for query in queries)])
    columns = (
        (getattr(query, name) for query in queries) for name in ("users", "items", "weights")
    )
    users, items, weights = (np.concatenate(list(column)) for column in columns)
    return Query(users, starts, items, weights)


def _answer(
    live: LiveState, model: ServingModel, question: ListRequest, scores: Floats | None
) -> RankedList:
    ids: list[str] = []
    values: list[float] = []
    sources: list[str] = []
    for source in (question.source, CONTENT, POPULAR):
        if len(ids) >= question.reach:
            break
        if source == question.source:
            part = _by_model(live, model, question, scores)
        elif source == CONTENT:
            part = _by_content(live, model, question) if scores is None else _Part([], [])
        else:
            part = _by_popularity(live, model, question, ids)
        below = values[-1] - 1 if values else 0.0  # a later source's scores are at most 1
        ids += part.ids
        values += [below + score if sources else score for score in part.scores]
        sources += [source] * len(part.ids)
    kept = slice(question.offset, question.reach)
    reasons = _reasons(live, question) if len(ids) < question.reach else []
    return RankedList(ids[kept], values[kept], sources[kept], reasons)


def _by_model(
    live: LiveState, model: ServingModel, question: ListRequest, scores: Floats | None
) -> _Part:
    if scores is None:
        return _Part([], [])
    return _best(live, model, question, scores)


def _by_content(live: LiveState, model: ServingModel, question: ListRequest) -> _Part:
    """Return the items whose fused content is nearest to the mean of what was liked."""
    rows, weights = question.history.known_items(model)
    if model.content is None or not len(rows):
        return _Part([], [])
    view = model.views[FUSED]
    liked = rows[(weights > 0) & view.present[rows]]
    if not len(liked):
        return _Part([], [])
    vectors = view.vectors[liked]
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    mean = (vectors / np.where(lengths > 0, lengths, 1)).mean(axis=0, keepdims=True)
    return _best(live, model, question, model.content.score(mean)[0])


def _best(live: LiveState, model: ServingModel, question: ListRequest, scores: Floats) -> _Part:
    """Return the best of the model's rows that may be shown; `scores` is written over."""
    hidden = live.hidden_rows(model, question.filters)
    if len(hidden):
        scores[hidden[hidden < len(scores)]] = -np.inf
    if question.hide_seen:
        seen = question.history.known_items(model).rows
        scores[seen if model.scored_count == len(model.ids) else seen[seen < len(scores)]] = -np.inf
    if question.exclude:
        scores[_rows(model, question.exclude, len(scores))] = -np.inf
    if question.prefer:
        _lift(live, model, question, scores)
    if question.diversity > 0:
        rows, values = _diverse(model, scores, question)
    else:
        rows, values = top_of_row(scores, question.reach)
    names = model.ids
    return _Part([names[row] for row in rows.tolist()], values.tolist())


def _diverse(model: ServingModel, scores: Floats, question: ListRequest) -> tuple[Ints, Floats]:
    """Return the rows that a reordering by difference picks, and their scores."""
    rows, values = top_of_row(scores, max(_POOL, 2 * question.reach))
    view = model.views.get(FUSED)
    vectors = np.zeros((len(rows), 1), np.float32)
    if view is not None:
        vectors = np.where(view.present[rows, None], view.vectors[rows], np.float32(0))
    picked = diversify(values, vectors, question.reach, diversity=question.diversity)
    return rows[picked], values[picked]


def _lift(live: LiveState, model: ServingModel, question: ListRequest, scores: Floats) -> None:
    """Raise the items that suit the context by a part of the range of scores."""
    finite = scores[np.isfinite(scores)]
    if not len(finite):
        return
    unsuited = live.hidden_rows(model, Filters(labels=question.prefer))
    suited = np.ones(len(scores), bool)
    suited[unsuited[unsuited < len(scores)]] = False
    scores[suited] += _LIFT * float(np.ptp(finite))


def _rows(model: ServingModel, items: Sequence[str], count: int) -> Ints:
    found = (model.rows.get(item, count) for item in items)
    return np.array([row for row in found if row < count], np.int64)


def _by_popularity(
    live: LiveState, model: ServingModel, question: ListRequest, taken: Sequence[str]
) -> _Part:
    """Return what is popular among the items that are left."""
    allowed, ids = live.visible_mask(question.filters)
    gone = [*taken, *question.exclude]
    if question.hide_seen:
        gone += question.history.items
    allowed[live.rows_of(gone)] = False
    popular = live.popularity(model)[: len(allowed)]
    scores = np.where(allowed, popular, -np.inf).astype(np.float32)
    places, values = top_of_row(scores, question.reach - len(taken))
    return _Part([ids[place] for place in places.tolist()], values.tolist())


def _reasons(live: LiveState, question: ListRequest) -> list[str]:
    """Return at which gate how many items were left."""
    everything, _ = live.visible_mask(NO_FILTERS)
    allowed, _ = live.visible_mask(question.filters)
    told = [f"{everything.sum():,} items may be shown"]
    if question.filters:
        told.append(f"{allowed.sum():,} of them pass the filters")
    allowed[live.rows_of(question.exclude)] = False
    if question.exclude:
        told.append(f"{allowed.sum():,} of these are not excluded")
    if question.hide_seen and question.history.items:
        allowed[live.rows_of(question.history.items)] = False
        told.append(f"{allowed.sum():,} of these were not seen yet")
    if question.offset:
        told.append(f"{question.offset:,} are skipped by the offset")
    return told
