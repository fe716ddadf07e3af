"""Search items by words, content and taste: one way for bundles and for the service.

The scores of BM25 over titles and texts and of the similarity of content are brought to one scale
and added up; for a user, items gain by their rank in the recommender's order of what was found. An
exact title comes first. Without words and user, the scores are cosines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from polyrec.artifact.content_index import ContentIndex
from polyrec.errors import DataError
from polyrec.index.score_fusion import add_scores, discount_ranks, scale_scores
from polyrec.index.words import WordIndex
from polyrec.types import FUSED, Embeddings, Floats, Ints, Raw

if TYPE_CHECKING:
    from polyrec.artifact.bundle import Bundle

_DEPTH = 200  # items of each ranking that count, at least


@dataclass(frozen=True)
class SearchWeights:
    """How much each part of a query counts; 0 leaves it out."""

    # of the rankings
    words: float = 1.0
    content: float = 1.0
    user: float = 0.25
    # in the vector that content is compared with
    text: float = 1.0
    image: float = 1.0
    audio: float = 1.0
    video: float = 1.0
    items: float = 1.0
    negative: float = 0.5  # Rocchio's gamma: how far the vector moves away from these items


@dataclass(frozen=True)
class SearchQuery:
    """What to look for: words, files, items like these, and less like others."""

    text: str = ""
    files: Mapping[str, Raw] = field(default_factory=dict)  # "image", "audio" or "video" -> content
    items: Sequence[str] = ()
    negative: Sequence[str] = ()
    view: str = ""  # compare in this view alone, without words
    weights: SearchWeights = SearchWeights()

    def contents(self) -> dict[str, Raw]:
        """Return modality -> content, the text included, of those with a weight."""
        contents: dict[str, Raw] = {"text": self.text} if self.text.strip() else {}
        contents |= self.files
        return {name: raw for name, raw in contents.items() if getattr(self.weights, name) > 0}

    def searches_words(self) -> bool:
        """Return whether the text's words are looked for."""
        return bool(self.text.strip()) and not self.view and self.weights.words > 0


class EncodedContent(NamedTuple):
    """A content of a query, encoded for a view."""

    modality: str
    view: str
    row: Embeddings  # (1, d)
    search_weight: float = 1.0  # of the encoder


class ContentScores(NamedTuple):
    """The cosine of each item to a query, the view they are compared in, and what they weigh."""

    scores: Floats  # (n,) -inf for items without content in the view
    view: str
    weight: float = 1.0  # beside the words: less than 1 where a text alone is compared


def score_content(
    index: ContentIndex,
    query: SearchQuery,
    encoded: Sequence[EncodedContent],
    rows: tuple[Ints, Ints],
) -> ContentScores | None:
    """Return the similarity of items to a query, None if it has nothing to compare with.

    `rows` are those of the query's items and negative items. A single content is compared in its
    own view, anything else in the fused one, unless the query names a view.
    """
    single = len(encoded) == 1 and not len(rows[0]) and not len(rows[1])
    view = query.view or (encoded[0].view if single else FUSED)
    if not query.view and view not in index.views:  # a bundle without content
        return None
    embeddings = index.view(view)
    parts = [(index.embed(view, {c.view: c.row}), getattr(query.weights, c.modality))
             for c in encoded]  # fmt: skip
    if len(encoded) > 1 and len({weight for _, weight in parts}) == 1:  # one item with all of them
        parts = [(index.embed(view, {c.view: c.row for c in encoded}), parts[0][1])]
    for part, weight in zip(rows, (query.weights.items, -query.weights.negative), strict=True):
        parts.append((embeddings.vectors[part[embeddings.present[part]]], weight))
    parts = [(vectors, weight) for vectors, weight in parts if len(vectors) and weight]
    if not parts:
        return None
    weights = np.concatenate([np.full(len(v), w / len(v), np.float32) for v, w in parts])
    scores = index.score(view, np.concatenate([v for v, _ in parts]), weights)
    text_alone = single and encoded[0].modality == "text"
    weight = query.weights.content * (encoded[0].search_weight if text_alone else 1)
    return ContentScores(scores, view, weight)


def score_words(index: WordIndex, text: str, rows: int) -> tuple[Floats, Ints]:
    """Return (n,) BM25 scores, -inf where no word matches, and the rows with exactly this title."""
    scores = np.full(rows, -np.inf, np.float32)
    matches = index.score(text)[:rows]
    scores[: len(matches)] = np.where(matches > 0, matches, -np.inf)
    return scores, index.titled(text)


class Rankings(NamedTuple):
    """What is known of the same n items for a query; -inf marks items that a ranking has not."""

    words: Floats | None = None
    titled: Ints = np.zeros(0, np.int64)  # rows whose title is the query
    content: Floats | None = None
    content_weight: float = 1.0
    user: Floats | None = None  # the recommender's scores


def join_rankings(rankings: Rankings, weights: SearchWeights, *, count: int) -> Floats | None:
    """Return (n,) scores by which the best `count` items are picked, None without a ranking.

    Joined scores are 1 at most, and 1 higher for an exact title; a single ranking by content keeps
    its cosines. The user's ranking only orders what words or content found.
    """
    words, content = rankings.words, rankings.content
    if content is not None and words is None and rankings.user is None:
        return content
    listed = []
    if words is not None:
        listed.append((scale_scores(words), weights.words))
    if content is not None:  # an item that nothing connects with the query has the mean cosine
        present = content > -np.inf
        mean = float(content[present].mean()) if present.any() else 0.0
        listed.append((scale_scores(content, floor=mean), rankings.content_weight))
    listed = [(scores, weight) for scores, weight in listed if weight > 0]
    if not listed:
        return None
    joined: Floats = add_scores(listed, depth=max(_DEPTH, count))
    if rankings.user is not None and weights.user > 0:
        taste = discount_ranks(np.where(joined > -np.inf, rankings.user, -np.inf))
        joined = np.asarray((joined + weights.user * taste) / (1 + weights.user), np.float32)
    titled = rankings.titled[joined[rankings.titled] > -np.inf]
    joined[titled] += 1
    return joined


def search_scores(bundle: Bundle, query: SearchQuery, *, user: str | None, count: int) -> Floats:
    """Return (n,) the scores of a bundle's items for a query; -inf for those to leave out."""
    liked, disliked = (
        np.array([bundle.row(item) for item in items], np.int64)
        for items in (query.items, query.negative)
    )
    encoded = [_encode(bundle, query, kind, raw) for kind, raw in query.contents().items()]
    usable = [content for content in encoded if content is not None]
    content = score_content(bundle.content, query, usable, (liked, disliked))
    rankings = Rankings()
    if content is not None and content.weight > 0:
        rankings = Rankings(content=content.scores, content_weight=content.weight)
    if query.searches_words():
        words, titled = score_words(bundle.words, query.text, len(bundle.ids))
        rankings = rankings._replace(words=words, titled=titled)
    if user is not None and query.weights.user > 0:
        taste = bundle.parts.recommender.score(bundle.query([user]))[0]
        rankings = rankings._replace(user=taste)
    for scores in (rankings.words, rankings.content, rankings.user):
        if scores is not None:
            scores[np.concatenate([liked, disliked])] = -np.inf
    joined = join_rankings(rankings, query.weights, count=count)
    if joined is None:
        raise DataError("nothing to search for", remedy="give words, a file or items")
    return joined


def _encode(bundle: Bundle, query: SearchQuery, kind: str, raw: Raw) -> EncodedContent | None:
    """Return a query's content, encoded; None for a text that only its words can find."""
    by_words = kind == "text" and not query.view
    if by_words and not any(e.modality == kind for e in bundle.parts.encoders.values()):
        return None
    view = bundle.view_of(kind, prefer=query.view or None)
    encoder = bundle.parts.encoders[view]
    row = encoder.encode([raw])
    if not row.present[0] and not by_words:
        reason = str(row.problems.get(0, "no content"))
        raise DataError("the content can't be encoded", received=reason, remedy="use another")
    return EncodedContent(kind, view, row, encoder.search_weight) if row.present[0] else None
