"""Find items by content: by words, a picture, a sound, a film, by items, or by several of these.

Where one content is given, items are compared in the view that reads it; where there are several,
or items, in the fused view. `view` says otherwise: words find pictures where both lie in one space.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from polyrec.errors import nearest
from polyrec.index.topk import top_of_row
from polyrec.serve.background.model_updater import ServingState
from polyrec.serve.responses import http_error
from polyrec.serve.state.live import LiveState
from polyrec.serve.state.live_catalog import Filters
from polyrec.types import FUSED, Embeddings, Floats, Raw, Views


@dataclass(frozen=True)
class ContentQuery:
    """What is looked for; at least one content or item."""

    contents: Mapping[str, Raw]  # modality -> content
    items: Sequence[str] = ()
    view: str = ""
    n: int = 10
    offset: int = 0
    filters: Filters = field(default_factory=Filters)
    exclude: Sequence[str] = ()


class ContentMatches(NamedTuple):
    """Ids with cosines, nearest first, in a view."""

    ids: list[str]
    scores: list[float]
    view: str


def search_by_content(live: LiveState, state: ServingState, sought: ContentQuery) -> ContentMatches:
    """Return the shown items nearest to what is sought; the items named are not among them."""
    model = state.model
    if sought.view and sought.view not in model.views:
        raise http_error(404, "no such view", received=sought.view,
                     remedy=nearest(sought.view, model.views))  # fmt: skip
    read = {
        view: aligned
        for modality, content in sought.contents.items()
        for view, aligned in _read(state, modality, content, sought.view).items()
    }
    view = sought.view or (next(iter(read)) if len(read) == 1 and not sought.items else FUSED)
    if view not in model.views:  # a bundle without content
        return ContentMatches([], [], view)
    rows = [*_of_contents(state, read, view), *_of_items(state, sought.items, view)]
    if not rows:
        return ContentMatches([], [], view)
    scores = model.index(view).score(_unit(np.mean([_unit(row) for row in rows], axis=0))[None])[0]
    hidden = live.hidden_rows(model, sought.filters)
    scores[hidden[hidden < len(scores)]] = -np.inf
    taken = (model.rows.get(name) for name in (*sought.items, *sought.exclude))
    scores[[row for row in taken if row is not None]] = -np.inf
    found, values = top_of_row(scores, sought.n + sought.offset)
    kept = slice(sought.offset, None)
    return ContentMatches(
        [model.ids[row] for row in found[kept].tolist()], values[kept].tolist(), view
    )


def _read(state: ServingState, modality: str, content: Raw, view: str) -> Views:
    """Return the view that reads a content, with its aligned row."""
    bundle = state.model.bundle
    reader = bundle.view_of(modality, prefer=view or None)
    encoded = state.encoder.encode_view(reader, [content])
    if not encoded.present[0]:
        reason = encoded.problems.get(0)
        raise http_error(415, f"this {modality} can't be read", received=reason or "nothing in it",
                     remedy="try another")  # fmt: skip
    return {reader: bundle.parts.aligner.align({reader: encoded})[reader]}


def _of_contents(state: ServingState, read: Mapping[str, Embeddings], view: str) -> list[Floats]:
    """Return the contents' rows in a view."""
    if not read:
        return []
    bundle = state.model.bundle
    if view == FUSED:
        fused: Floats = bundle.parts.impute_and_fuse(read)[FUSED].vectors
        return [fused[0]]
    for name, aligned in read.items():
        if name != view and (not aligned.space or aligned.space != bundle.views[view].space):
            what, received = "these views lie in no common space", f"{name} and {view}"
            remedy = "leave View out, or name the content's own"
            raise http_error(400, what, received=received, remedy=remedy)
    return [aligned.vectors[0] for aligned in read.values()]


def _of_items(state: ServingState, items: Sequence[str], view: str) -> list[Floats]:
    """Return the rows of those items that have content in a view."""
    model = state.model
    known = [model.rows[name] for name in items if name in model.rows]
    if items and not known:
        raise http_error(404, "unknown items", received=items[0], remedy="insert it with content")
    view_of_all = model.views[view]
    return [view_of_all.vectors[row] for row in known if view_of_all.present[row]]


def _unit(row: Floats) -> Floats:
    length = float(np.linalg.norm(row))
    return np.asarray(row / length if length > 0 else row, np.float32)
