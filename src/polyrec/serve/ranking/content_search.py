"""Search by content: a text, an image, a sound, a video, items, or several of these.

One content is compared in the view that encodes it; several, or items, in the fused view. A query
may name another `view`: a text finds images where both views lie in one space.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from polyrec.serve.background.serving_state import ServingState
from polyrec.serve.ranking.neighbours import check_view
from polyrec.serve.ranking.visible import best_ids, hide_rows, rows_of_model
from polyrec.serve.responses import http_error
from polyrec.serve.state.live import LiveState
from polyrec.serve.state.live_catalog import Filters
from polyrec.serve.state.serving_model import ServingModel
from polyrec.types import FUSED, Embeddings, Floats, Raw


@dataclass(frozen=True)
class ContentQuery:
    """What to search for: at least one content or item."""

    contents: Mapping[str, Raw]  # modality -> content
    items: Sequence[str] = ()
    view: str = ""
    n: int = 10
    offset: int = 0
    filters: Filters = field(default_factory=Filters)
    exclude: Sequence[str] = ()


class ContentMatches(NamedTuple):
    """Ids with cosines, nearest first, and the view that was compared."""

    ids: list[str]
    scores: list[float]
    view: str


def search_by_content(live: LiveState, state: ServingState, query: ContentQuery) -> ContentMatches:
    """Return the visible items nearest to a query, less the items that it names."""
    model = state.model
    if query.view:
        check_view(model, query.view)
    encoded = dict(
        _encode(state, modality, content, query.view)
        for modality, content in query.contents.items()
    )
    only = next(iter(encoded)) if len(encoded) == 1 and not query.items else FUSED
    view = query.view or only
    if view not in model.views:  # a bundle without content
        return ContentMatches([], [], view)
    vectors = _item_vectors(model, query.items, view)
    if encoded:
        vectors = np.concatenate([model.content.embed(view, encoded), vectors])
    if not len(vectors):
        return ContentMatches([], [], view)
    scores = model.content.score(view, vectors)
    hide_rows(scores, live.hidden_rows(model, query.filters))
    hide_rows(scores, rows_of_model(model, (*query.items, *query.exclude)))
    ids, cosines = best_ids(model, scores, query.n + query.offset)
    return ContentMatches(ids[query.offset :], cosines[query.offset :], view)


def _encode(state: ServingState, modality: str, content: Raw, view: str) -> tuple[str, Embeddings]:
    """Return the view whose encoder takes a content, and its encoded row."""
    name = state.model.bundle.view_of(modality, prefer=view or None)
    encoded = state.encoder.encode_view(name, [content])
    if not encoded.present[0]:
        reason = encoded.problems.get(0)
        raise http_error(415, f"this {modality} can't be read", received=reason or "nothing in it",
                     remedy="try another")  # fmt: skip
    return name, encoded


def _item_vectors(model: ServingModel, items: Sequence[str], view: str) -> Floats:
    """Return the (m, d) rows of those items that have content in a view."""
    rows = rows_of_model(model, items)
    if items and not len(rows):
        raise http_error(404, "unknown items", received=items[0], remedy="insert it with content")
    embeddings = model.views[view]
    return embeddings.vectors[rows[embeddings.present[rows]]]
