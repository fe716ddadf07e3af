"""What a conversation does with the live catalogue, for one user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from polyrec.artifact.item_search import SearchQuery
from polyrec.database import records
from polyrec.database.database import Database
from polyrec.database.writer import Writer
from polyrec.explain import explain
from polyrec.generate.chat.conversation import ChatState
from polyrec.generate.chat.profile import TasteProfile
from polyrec.generate.chat.vocabulary import Vocabulary
from polyrec.generate.wording.facts import top_contributions
from polyrec.index.filters import NO_FILTERS
from polyrec.index.tastes import TasteEdits, with_edits, without_last
from polyrec.serve.background.serving_state import ServingState
from polyrec.serve.ranking.catalog_search import CatalogSearch, rows_with_words, search_catalog
from polyrec.serve.ranking.recommender import USER, ListRequest, recommend_each
from polyrec.serve.ranking.visible import ExcludedItems
from polyrec.serve.state.history import SeenRule
from polyrec.serve.state.live import LiveState

_MAX_TITLE = 80  # characters


@dataclass(frozen=True)
class LiveChatTools:
    """The tools of a conversation. Without a user, lists begin with what is popular."""

    database: Database
    live: LiveState
    state: ServingState
    user_id: str
    seen: SeenRule  # what lists without a query leave out
    writer: Writer | None = None  # None: the caller may not write

    def vocabulary(self) -> Vocabulary:
        """Return the names of the catalogue."""
        return self.live.vocabulary()

    def find_item(self, title: str) -> str | None:
        """Return the visible item with a title; the first of several."""
        allowed, ids = self.live.visible_mask(NO_FILTERS)
        titled = self.live.words.titled(self.state.model.bundle, title)
        rows = titled[titled < len(allowed)]
        return next((ids[row] for row in rows.tolist() if allowed[row]), None)

    def visible(self, items: Sequence[str]) -> list[str]:
        """Return those of the items that may be shown."""
        allowed, ids = self.live.visible_mask(NO_FILTERS)
        rows = self.live.rows_of(items)
        visible = {ids[row] for row in rows[rows < len(allowed)].tolist() if allowed[row]}
        return [item for item in items if item in visible]

    def titles(self, items: Sequence[str]) -> list[str]:
        """Return the first lines of items' comments, else their ids."""
        with self.database.read() as connection:
            known = {r.item_id: r for r in records.items_by_id(connection, list(items))}
        titles = [known[i].title[:_MAX_TITLE] if i in known else "" for i in items]
        return [title or item for title, item in zip(titles, items, strict=True)]

    def values(self, items: Sequence[str], key: str) -> list[float]:
        """Return the numbers of items under a key; their times under ""."""
        return self.live.item_values(items, key)

    def ranked(self, state: ChatState, n: int) -> list[str]:
        """Return the visible items that pass the filters and suit the state best."""
        items, negative = (
            [item for item in part if item in self.state.model.rows]
            for part in (state.items, state.negative)
        )
        if not (state.text or items or negative):
            return self._recommended(state, n)
        query = SearchQuery(state.text, items=items, negative=negative)
        search = CatalogSearch(
            query, self.user_id, n, state.offset, state.filters, unwanted_words=state.unwanted_words
        )
        return search_catalog(self.live, self.state, search).ids

    def profile(self) -> TasteProfile:
        """Return what the user's history has more often than the catalogue."""
        return self.live.profile(self.user_id)

    def tastes(self) -> TasteEdits:
        """Return what the user stated."""
        return self.live.history(self.user_id).tastes

    def edit_tastes(self, tastes: TasteEdits) -> int | None:
        """Keep what the user states, or without tastes undo the last."""
        if self.writer is None or not self.user_id:
            return None
        change = partial(with_edits, more=tastes) if tastes else without_last
        edit = partial(records.edit_tastes, user_id=self.user_id, change=change)
        changed = self.writer.submit(edit).result()
        self.live.catch_up()
        return changed

    def because(self, item: str) -> list[str]:
        """Return the items of the user's history for which the model recommends an item."""
        model = self.state.model
        row = model.rows.get(item, model.scored_count)
        user = self.live.user_row_in(model, self.user_id)
        query = self.live.history(self.user_id).query(model, user)
        if not self.user_id or query is None or row >= model.scored_count:
            return []
        train = model.bundle.behaviour["train"]
        top = top_contributions(explain(model.recommender, query, row, train))
        return [model.ids[liked] for liked in top.items]

    def _recommended(self, state: ChatState, n: int) -> list[str]:
        excluded = self._with_words(state.unwanted_words)
        user = self.live.user_row_in(self.state.model, self.user_id)
        request = ListRequest(
            self.live.history(self.user_id), n, state.offset, USER, user, state.filters,
            ExcludedItems(excluded), seen=self.seen,
        )  # fmt: skip
        (ranked,) = recommend_each(self.live, self.state.model, [request])
        return ranked.ids

    def _with_words(self, words: Sequence[str]) -> list[str]:
        """Return the items whose title or text has one of these words."""
        allowed, ids = self.live.visible_mask(NO_FILTERS)
        mask = rows_with_words(self.live, self.state.model, words, len(allowed))
        return [ids[row] for row in np.flatnonzero(mask).tolist()]
