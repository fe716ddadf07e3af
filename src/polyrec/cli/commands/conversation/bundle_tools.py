"""What a conversation does with a bundle, for one user or for nobody."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from polyrec.artifact.bundle import Bundle
from polyrec.artifact.item_search import SearchQuery, score_words, search_scores
from polyrec.explain import explain
from polyrec.generate.chat.conversation import ChatState
from polyrec.generate.chat.profile import TasteProfile
from polyrec.generate.chat.vocabulary import Vocabulary
from polyrec.generate.wording.facts import top_contributions
from polyrec.index.tastes import TasteEdits
from polyrec.index.topk import top_of_row
from polyrec.serve.state.live_catalog import CatalogItem, LiveCatalog
from polyrec.types import Floats, ItemMetadata


class BundleChatTools:
    """The tools of a conversation; an unknown user raises `DataError`."""

    def __init__(self, bundle: Bundle, user: str | None) -> None:
        self._bundle = bundle
        self._query = None if user is None else bundle.query([user])
        self._user = user

    def vocabulary(self) -> Vocabulary:
        """Return the names of the catalogue."""
        return self._vocabulary

    def find_item(self, title: str) -> str | None:
        """Return the item with a title; the first of several."""
        rows = self._bundle.words.titled(title)
        return self._bundle.ids[rows[0]] if len(rows) else None

    def visible(self, items: Sequence[str]) -> list[str]:
        """Return those of the items that the bundle has."""
        return [item for item in items if item in self._bundle.rows]

    def titles(self, items: Sequence[str]) -> list[str]:
        """Return the titles of items."""
        return [self._bundle.title(item) for item in items]

    def values(self, items: Sequence[str], key: str) -> list[float]:
        """Return the numbers of items under a key; their times under ""."""
        return self._catalog.values(items, key)

    def ranked(self, state: ChatState, n: int) -> list[str]:
        """Return the items that pass the filters and suit the state best."""
        count = n + state.offset
        if state.text or state.items or state.negative:
            query = SearchQuery(state.text, items=state.items, negative=state.negative)
            scores = search_scores(self._bundle, query, user=self._user, count=count)
        else:
            scores = self._recommended()
        scores[~self._catalog.matching(state.filters)] = -np.inf
        for word in state.unwanted_words:
            matches, _ = score_words(self._bundle.words, word, len(scores))
            scores[matches > -np.inf] = -np.inf
        rows, _ = top_of_row(scores, count)
        return [self._bundle.ids[row] for row in rows[state.offset :].tolist()]

    def profile(self) -> TasteProfile:
        """Return what the user's history has more often than the catalogue."""
        query = self._query
        liked = [] if query is None else query.items[query.weights > 0].tolist()
        return self._catalog.profile([self._bundle.ids[row] for row in liked])

    def tastes(self) -> TasteEdits:
        """Return nothing: a bundle keeps no statements."""
        return ()

    def edit_tastes(self, tastes: TasteEdits) -> int | None:  # noqa: ARG002 - the protocol's
        """Keep nothing."""
        return None

    def because(self, item: str) -> list[str]:
        """Return the items of the user's history for which the model recommends an item."""
        bundle = self._bundle
        if self._query is None or not bundle.parts.recommender.usable(self._query)[0]:
            return []
        train = bundle.behaviour["train"]
        explanation = explain(bundle.parts.recommender, self._query, bundle.row(item), train)
        return [bundle.ids[row] for row in top_contributions(explanation).items]

    def _recommended(self) -> Floats:
        """Return (n,) the model's scores of what the user has not seen, else popularity."""
        bundle = self._bundle
        if self._query is None or not bundle.parts.recommender.usable(self._query)[0]:
            counts = np.bincount(bundle.events.items, minlength=len(bundle.ids))
            return counts.astype(np.float32)
        scores: Floats = bundle.parts.recommender.score(self._query)[0].copy()
        scores[self._query.items] = -np.inf
        return scores

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return self._catalog.names().vocabulary()

    @cached_property
    def _catalog(self) -> LiveCatalog:
        catalog = LiveCatalog()
        metadata = self._bundle.metadata or (ItemMetadata(),) * len(self._bundle.ids)
        for item, row in zip(self._bundle.ids, metadata, strict=True):
            added = (row.added or 0) * 1_000_000
            catalog.put(
                CatalogItem(item, categories=row.categories, timestamp=added, labels=row.labels)
            )
        return catalog
