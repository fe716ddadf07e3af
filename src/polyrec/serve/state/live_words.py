"""Search the live catalogue by words: an index that is built once and then follows the items."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from polyrec.artifact.bundle import Bundle
from polyrec.artifact.item_search import score_words
from polyrec.database import records
from polyrec.database.database import Database
from polyrec.database.records import ItemRecord
from polyrec.index.words import WordIndex
from polyrec.types import Floats, Ints

_MAX_TITLE = 200  # characters; a longer first line of a comment is text


class LiveWords:
    """BM25 by catalogue row; an item's words count from the next search on. Thread-safe.

    Words come from an item's comment, whose first line is the title; as long as the comment is the
    one that was imported, from the bundle's titles and texts.
    """

    def __init__(self, database: Database, rows: Mapping[str, int]) -> None:
        self._database, self._rows = database, rows  # item id -> catalogue row
        self._index: WordIndex | None = None
        self._bundle: Bundle | None = None  # whose texts the index has
        self._changed: set[str] = set()
        self._lock = threading.Lock()  # of the index
        self._changed_lock = threading.Lock()

    def mark_changed(self, items: Iterable[str]) -> None:
        """Index these items again before the next search; they may be new or deleted."""
        with self._changed_lock:
            self._changed.update(items)

    def update(self, bundle: Bundle) -> None:
        """Build the index, or bring it up to date."""
        with self._lock:
            self._updated(bundle)

    def score(self, bundle: Bundle, text: str, count: int) -> tuple[Floats, Ints]:
        """Return (count,) BM25 scores, and the rows with this title: see `score_words`."""
        with self._lock:
            scores, titled = score_words(self._updated(bundle), text, count)
        return scores, titled[titled < count]

    def titled(self, bundle: Bundle, title: str) -> Ints:
        """Return the rows with this title, in order."""
        with self._lock:
            return self._updated(bundle).titled(title)

    def _updated(self, bundle: Bundle) -> WordIndex:
        with self._changed_lock:
            changed, self._changed = self._changed, set()
        try:
            if self._index is None or self._bundle is not bundle:
                self._index, self._bundle = self._built(bundle), bundle
            elif changed:
                self._apply(self._index, bundle, changed)
        except BaseException:  # the database did not answer: the changes are still to be made
            self.mark_changed(changed)
            raise
        return self._index

    def _built(self, bundle: Bundle) -> WordIndex:
        index = WordIndex()
        with self._database.read() as connection:
            for item in records.all_items(connection):
                if item.item_id in self._rows:  # else it is about to be marked
                    index.put(self._rows[item.item_id], *_document(item, bundle))
        return index

    def _apply(self, index: WordIndex, bundle: Bundle, changed: set[str]) -> None:
        with self._database.read() as connection:
            items = records.items_by_id(connection, sorted(changed))
        for item in items:
            index.put(self._rows[item.item_id], *_document(item, bundle))
        for item_id in changed - {item.item_id for item in items}:
            if item_id in self._rows:
                index.remove(self._rows[item_id])


def _document(item: ItemRecord, bundle: Bundle) -> tuple[str, str]:
    """Return an item's title and text."""
    row = None if item.described else bundle.rows.get(item.item_id)
    if row is not None:
        return bundle.titles[row], bundle.texts[row] if bundle.texts else ""
    title, _, text = item.comment.partition("\n")
    return (title, text) if len(title) <= _MAX_TITLE else ("", item.comment)
