"""Search the live catalogue by words, content and taste, as `artifact.item_search` does a bundle.

Items that may not be shown, or don't pass the filters, leave each ranking before they are joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from polyrec.artifact.item_search import (
    ContentScores,
    EncodedContent,
    Rankings,
    SearchQuery,
    join_rankings,
    score_content,
)
from polyrec.index.filters import NO_FILTERS, Filters
from polyrec.index.topk import top_of_row
from polyrec.serve.background.serving_state import ServingState
from polyrec.serve.ranking.neighbours import check_view
from polyrec.serve.ranking.visible import clear_rows, rows_of_model
from polyrec.serve.responses import http_error
from polyrec.serve.state.history import NOTHING_HIDDEN, SeenRule
from polyrec.serve.state.live import LiveState
from polyrec.serve.state.serving_model import ServingModel
from polyrec.types import Bools, Floats, Ints, Raw


@dataclass(frozen=True)
class CatalogSearch:
    """What to search for, for whom, and which of the matches to return."""

    query: SearchQuery
    user_id: str = ""  # orders the matches by this user's taste too
    n: int = 10
    offset: int = 0
    filters: Filters = NO_FILTERS
    exclude: Sequence[str] = ()
    seen: SeenRule = NOTHING_HIDDEN  # what matches leave out because the user has seen it
    unwanted_words: Sequence[str] = ()  # no match has one of these in its title or text


class SearchMatches(NamedTuple):
    """Ids with scores, best first, the view that was compared, and the rankings that were joined.

    Without a view, no content was compared.
    """

    ids: list[str]
    scores: list[float]
    view: str
    rankings: list[str]  # of words, content, user


def search_catalog(live: LiveState, state: ServingState, search: CatalogSearch) -> SearchMatches:
    """Return the visible items that suit a query best, less the items that it names."""
    model, query = state.model, search.query
    if query.view:
        check_view(model, query.view)
    content = _content_scores(state, query)
    allowed, ids = live.visible_mask(search.filters)
    left_out = [*query.items, *query.negative, *search.exclude]
    if search.user_id:
        left_out += live.history(search.user_id).hidden(search.seen)
    clear_rows(allowed, live.rows_of(left_out))
    allowed &= ~rows_with_words(live, model, search.unwanted_words, len(allowed))
    rows = live.rows_in_catalog(model)
    rankings = Rankings()
    if query.searches_words():
        words, titled = live.words.score(model.bundle, query.text, len(allowed))
        words[~allowed] = -np.inf
        rankings = rankings._replace(words=words, titled=titled)
    if content is not None and content.weight > 0:
        scores = _by_catalog_row(content.scores, rows, allowed)
        rankings = rankings._replace(content=scores, content_weight=content.weight)
    personal = bool(search.user_id) and query.weights.user > 0
    taste = _user_scores(live, model, search.user_id) if personal else None
    if taste is not None:
        rankings = rankings._replace(user=_by_catalog_row(taste, rows, allowed))
    joined = join_rankings(rankings, query.weights, count=search.n + search.offset)
    names = [name for name in ("words", "content", "user") if getattr(rankings, name) is not None]
    view = content.view if content else ""
    if joined is None:
        return SearchMatches([], [], view, names)
    best, values = top_of_row(joined, search.n + search.offset)
    page = slice(search.offset, None)
    return SearchMatches([ids[row] for row in best[page]], values[page].tolist(), view, names)


def rows_with_words(
    live: LiveState, model: ServingModel, words: Sequence[str], count: int
) -> Bools:
    """Return (count,) whether a catalogue row's title or text has one of these words."""
    mask = np.zeros(count, bool)
    for word in words:
        mask |= live.words.score(model.bundle, word, count)[0] > -np.inf
    return mask


def _content_scores(state: ServingState, query: SearchQuery) -> ContentScores | None:
    """Return the model's items' similarity to a query's contents and items."""
    model = state.model
    named = []
    for items in (query.items, query.negative):
        rows = rows_of_model(model, items)
        if items and not len(rows):
            remedy = "insert it with content"
            raise http_error(404, "unknown items", received=items[0], remedy=remedy)
        named.append(rows)
    encoded = [_encode(state, query, kind, raw) for kind, raw in query.contents().items()]
    usable = [content for content in encoded if content is not None]
    return score_content(model.content, query, usable, (named[0], named[1]))


def _encode(
    state: ServingState, query: SearchQuery, modality: str, content: Raw
) -> EncodedContent | None:
    """Return a content with its encoded row; None for a text that only its words can find."""
    bundle = state.model.bundle
    by_words = modality == "text" and not query.view
    if by_words and not any(e.modality == modality for e in bundle.parts.encoders.values()):
        return None
    view = bundle.view_of(modality, prefer=query.view or None)
    encoded = state.encoder.encode_view(view, [content])
    if encoded.present[0]:
        search_weight = bundle.parts.encoders[view].search_weight
        return EncodedContent(modality, view, encoded, search_weight)
    if by_words:
        return None
    reason = encoded.problems.get(0)
    raise http_error(415, f"this {modality} can't be read", received=reason or "nothing in it",
                     remedy="try another")  # fmt: skip


def _user_scores(live: LiveState, model: ServingModel, user_id: str) -> Floats | None:
    """Return the recommender's scores, None for a history that says nothing."""
    query = live.history(user_id).query(model, live.user_row_in(model, user_id))
    return None if query is None else model.recommender.score(query)[0]


def _by_catalog_row(scores: Floats, rows: Ints, allowed: Bools) -> Floats:
    """Return (n,) the scores of a model's rows by catalogue row, -inf where not allowed."""
    rows = rows[: len(scores)]
    known = np.flatnonzero((rows >= 0) & (rows < len(allowed)))
    by_row = np.full(len(allowed), -np.inf, np.float32)
    by_row[rows[known]] = scores[known]
    by_row[~allowed] = -np.inf
    return by_row
