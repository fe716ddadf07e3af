"""The live state of one worker: histories, catalogue and popularity, up to date with the log.

Everything comes from the database. `catch_up` applies the changes since the last applied sequence
number; a route calls it before it answers, so that every acknowledged write counts, whichever
worker took it. A history is loaded at first use and dropped when it changes: a start reads no
histories, and memory is bounded.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence

import numpy as np
from sqlalchemy.engine import Connection

from polyrec.database import change_log, feedback, records
from polyrec.database.database import Database
from polyrec.database.feedback import Event
from polyrec.generate.chat.profile import TasteProfile
from polyrec.generate.chat.vocabulary import Vocabulary
from polyrec.index.filters import Filters
from polyrec.index.tastes import Taste, TasteEdits, current_tastes
from polyrec.serve.settings import Settings
from polyrec.serve.state.history import History, feedback_weight
from polyrec.serve.state.live_catalog import CatalogItem, LiveCatalog
from polyrec.serve.state.live_words import LiveWords
from polyrec.serve.state.popularity import Pair, RecentPopularity
from polyrec.serve.state.serving_model import ServingModel
from polyrec.types import Bools, Floats, Ints

_STEP = 1_000  # changes applied under the lock at once
_BRIEF_STEP = 100
_PRIOR_PEOPLE = 5.0  # what the most popular item of training counts in recent popularity
_SCANNED = 10  # changes looked through at the start for each pair that is counted


class LiveState:
    """What a worker answers from. Methods may be called from any thread."""

    def __init__(self, database: Database, model: ServingModel, settings: Settings) -> None:
        self.model = model  # read it once per request; `replace_model` sets another
        self.event_weights = model.bundle.config.event_weights
        self.sequence = 0  # of the last change applied
        self.hits = self.misses = 0  # histories found in memory, and not
        self._database, self._settings = database, settings
        self._changes = change_log.ChangeReader(database)
        self._lock = threading.RLock()
        self._catalog = LiveCatalog()
        self.words = LiveWords(database, self._catalog.rows)
        self._vocabulary: tuple[int, Vocabulary] | None = None  # and of which version
        self._popularity = RecentPopularity(
            longest=settings.popularity_events, half_life_days=settings.half_life_days
        )
        self._histories: OrderedDict[str, History] = OrderedDict()
        self.has_tastes = False  # whether any user stated any
        self._digests: dict[str, str] = {}  # digest -> user, of those in _histories
        self._changed_items: set[str] = set()
        self._erased: dict[str, int] = {}  # digest of a user -> sequence of the erasure
        self._time = 0  # the latest known, microseconds since 1970
        self._user_digests: tuple[Sequence[str], frozenset[str]] = ((), frozenset())  # of a model
        self._catalog_rows: tuple[ServingModel, int, Ints] | None = None  # cached, by item count
        self._hidden_rows: tuple[ServingModel, int, Ints] | None = None  # cached, by version

    def start(self) -> None:
        """Read the catalogue and recent popularity."""
        with self._lock, self._database.read() as connection:
            self.sequence = change_log.last_sequence(connection)
            self._erased = change_log.erased_users(connection)
            self._time = change_log.last_write_time(connection)
            self.has_tastes = records.any_tastes(connection)
            for item in records.all_items(connection):
                self._catalog.put(_catalog_item(item))
            self._start_popularity(connection)

    def close(self) -> None:
        """Close the connection that reads the log."""
        self._changes.close()

    def replace_model(self, model: ServingModel) -> None:
        """Answer from another bundle's model from the next request on."""
        self.event_weights = model.bundle.config.event_weights
        with self._lock:
            self._histories.clear()
            self._digests.clear()
            self.model = model
        self._popularity.mark()

    def update_model(self, model: ServingModel) -> None:
        """Answer from a model of the same bundle with other items from now on."""
        with self._lock:
            self.model = model

    def take_changed_items(self) -> set[str]:
        """Return the items that were added, changed or deleted since the last call."""
        with self._lock:
            changed, self._changed_items = self._changed_items, set()
        return changed

    def catch_up(self) -> int:
        """Apply what was committed before this call; return the number of changes."""
        applied = 0
        count = _STEP
        while count == _STEP:  # a shorter step was the last
            count, new = self._catch_up(_STEP)
            applied += new
        if applied >= _STEP:  # here in a thread, not where a list needs it
            self.refresh_popularity()
        return applied

    def catch_up_briefly(self) -> bool:
        """Apply some changes, in a few milliseconds at most; return whether these were all."""
        return self._catch_up(_BRIEF_STEP)[0] < _BRIEF_STEP

    def _catch_up(self, count: int) -> tuple[int, int]:
        """Read up to `count` changes and apply them; return how many, and how many were new."""
        changes = self._changes.after(self.sequence, count=count)
        if not changes:
            return 0, 0
        with self._lock:
            # another thread may have applied some meanwhile
            pending = [change for change in changes if change.sequence > self.sequence]
            self._apply(pending)
            self.sequence = max(self.sequence, changes[-1].sequence)
        return len(changes), len(pending)

    def cached_history(self, user_id: str) -> History | None:
        """Return a user's history from memory, None if it is not there."""
        now = self._now()
        with self._lock:
            cached = self._histories.get(user_id)
            if cached is None or cached.next_event_at <= now:
                return None
            self._histories.move_to_end(user_id)
            self.hits += 1
            return cached

    def history(self, user_id: str) -> History:
        """Return a user's history from memory or the database; empty for an unknown user."""
        cached = self.cached_history(user_id)
        if cached is not None:
            return cached
        sequence = self.sequence
        with self._database.read() as connection:
            events = feedback.recent_events(connection, user_id, longest=self._settings.max_history)
            edits = records.user_tastes(connection, user_id) if self.has_tastes else ()
        return self.load_history(user_id, events, edits, sequence=sequence)

    def load_history(
        self, user_id: str, events: Sequence[Event], edits: TasteEdits, *, sequence: int
    ) -> History:
        """Return the history of a user's events, which were read when `sequence` was applied."""
        loaded = History.from_events(events, self.event_weights, now=self._now())
        if edits:
            loaded = self._edited(loaded, current_tastes(edits))
        with self._lock:
            self.misses += 1
            # a change applied meanwhile may be of this user: then the history is not cached
            if sequence == self.sequence:
                self._cache_history(user_id, loaded)
        return loaded

    def _edited(self, history: History, tastes: TasteEdits) -> History:
        """Return a history with what its user stated."""
        named = self.named_by([t for t in tastes if t.attitude in ("dislike", "ignore")])
        with self._lock:
            rows, deleted = self._catalog.rows, self._catalog.deleted
            known = [(item, rows.get(item, len(named))) for item in history.items]
            liked = [t.value for t in tastes if t.attitude == "like" and t.subject == "item"
                     and t.value in rows and t.value not in deleted]  # fmt: skip
        ignored = {item for item, row in known if row < len(named) and named[row]}
        return history.edited(tastes, liked, ignored)

    def named_by(self, tastes: Sequence[Taste]) -> Bools:
        """Return (n,) whether an item is, or has, what one of these tastes names, by row."""
        with self._lock:
            mask = self._catalog.named_by(tastes)
        for taste in tastes:
            if taste.subject == "words":
                words = [self.words.score(self.model.bundle, word, len(mask))[0] > -np.inf
                         for word in taste.value.split()]  # fmt: skip
                mask |= np.logical_and.reduce(words) if words else False
        return mask

    def user_row(self, user_id: str) -> int:
        """Return a user's row in the model; -1 if unknown, or erased since training.

        So a user who returns after erasure is new, whatever the model once learned.
        """
        model = self.model
        row = model.users.get(user_id, -1)
        if row >= 0 and self._erased:
            erased = self._erased.get(change_log.user_digest(user_id, self._database.secret), 0)
            if erased > model.trained_until:
                return -1
        return row

    def user_row_in(self, model: ServingModel, user_id: str) -> int:
        """Return a user's row in a model that was looked up before; -1 if another is served now.

        While another bundle is swapped in, its users have other rows.
        """
        return self.user_row(user_id) if self.model.bundle is model.bundle else -1

    def erased_since(self, model: ServingModel) -> int:
        """Return how many of a model's users were erased since its data were read.

        The first call after an erasure computes the digests of all users of the model.
        """
        with self._lock:
            erased = {name for name, s in self._erased.items() if s > model.trained_until}
        return len(erased & self._digests_of(model)) if erased else 0

    def _digests_of(self, model: ServingModel) -> frozenset[str]:
        users, digests = self._user_digests
        if users is not model.bundle.users:
            users, secret = model.bundle.users, self._database.secret
            digests = frozenset(change_log.user_digest(user, secret) for user in users)
            self._user_digests = users, digests
        return digests

    def visible_mask(self, filters: Filters) -> tuple[Bools, list[str]]:
        """Return (n,) which items may be shown, by catalogue row, and the ids of the rows."""
        with self._lock:
            return self._catalog.matching(filters), self._catalog.ids

    def vocabulary(self) -> Vocabulary:
        """Return what conversations can name; cached until an item changes."""
        with self._lock:
            version = self._catalog.version
            if self._vocabulary is not None and self._vocabulary[0] == version:
                return self._vocabulary[1]
            names = self._catalog.names()
        vocabulary = names.vocabulary()  # without the lock: it may take a second
        self._vocabulary = version, vocabulary
        return vocabulary

    def item_values(self, items: Iterable[str], key: str) -> list[float]:
        """Return the numbers of items under a key, their times under ""; not of those without."""
        with self._lock:
            return self._catalog.values(items, key)

    def profile(self, user_id: str) -> TasteProfile:
        """Return what a user's liked items have more often than the catalogue."""
        history = self.history(user_id)
        pairs = zip(history.items, history.weights.tolist(), strict=True)
        liked = [item for item, weight in pairs if weight > 0]
        with self._lock:
            return self._catalog.profile(liked)

    def rows_of(self, items: Iterable[str]) -> Ints:
        """Return the catalogue rows of the items that are known."""
        with self._lock:
            rows = [self._catalog.rows.get(item, -1) for item in items]
        return np.array([row for row in rows if row >= 0], np.int64)

    def is_deleted(self, item_id: str) -> bool:
        """Return whether an item was deleted since the start."""
        with self._lock:
            return item_id in self._catalog.deleted

    def times(self) -> Ints:
        """Return (n,) the items' times by catalogue row, in microseconds."""
        with self._lock:
            return self._catalog.times.copy()

    def hidden_rows(self, model: ServingModel, filters: Filters) -> Ints:
        """Return the model's rows that may not be shown."""
        with self._lock:
            version = self._catalog.version
            cached = self._hidden_rows
            if not filters and cached is not None and cached[:2] == (model, version):
                return cached[2]
            visible = np.append(self._catalog.matching(filters), False)  # row -1: deleted
            rows = np.flatnonzero(~visible[self.rows_in_catalog(model)])
            if not filters:
                self._hidden_rows = (model, version, rows)
            return rows

    def rows_in_catalog(self, model: ServingModel) -> Ints:
        """Return (n,) the catalogue row of each row of the model, -1 for deleted items."""
        with self._lock:
            count = len(self._catalog)
            if self._catalog_rows is None or self._catalog_rows[:2] != (model, count):
                rows = np.array([self._catalog.rows.get(name, -1) for name in model.ids], np.int64)
                self._catalog_rows = (model, count, rows)
            return self._catalog_rows[2]

    def popularity(self, model: ServingModel) -> Floats:
        """Return (n,) popularity by catalogue row; the most popular visible item has 1.

        It is what people took lately, and training as a prior: the most popular item of training
        counts like a few people now, so that a lone event doesn't lead in a quiet shop.
        """
        self.refresh_popularity()
        with self._lock:
            scores = self._popularity.sums(len(self._catalog), now=self._now())
            rows = self.rows_in_catalog(model)
            known = rows >= 0
            scores[rows[known]] += _PRIOR_PEOPLE * model.popularity[known]
            scores[~self._catalog.visible] = 0
        return np.asarray(scores / max(scores.max(initial=0), 1e-300), np.float32)

    def refresh_popularity(self) -> None:
        """Read the feedback that changed since the last call."""

        def read(pairs: Sequence[Pair]) -> dict[Pair, list[Event]]:
            """Read in a transaction of its own."""
            with self._database.read() as connection:
                return feedback.events_of_pairs(connection, pairs)

        self._popularity.refresh(read, self._catalog.rows.get, self.event_weights, now=self._now())

    def __len__(self) -> int:
        return len(self._histories)

    def _apply(self, changes: list[change_log.Change]) -> None:
        items = {
            c.item_id for c in changes if c.action == change_log.ITEM and c.item_id is not None
        }
        if items:
            self._apply_items(items)
        for change in changes:
            self._time = max(self._time, change.made)
            if change.action == change_log.FORGET:
                self._erased[change.user_id or ""] = change.sequence
                self._drop_history(self._digests.get(change.user_id or ""))
                self._popularity.mark()
            elif change.action in (change_log.FEEDBACK, change_log.NO_FEEDBACK):
                self._drop_history(change.user_id)
                self._note_popularity(change)
            elif change.action == change_log.TASTES:
                self.has_tastes = True
                self._drop_history(change.user_id)

    def _now(self) -> int:
        """Return the time; what was due once stays due if the clock is set back."""
        with self._lock:
            self._time = change_log.later_time(change_log.now_us(), self._time)
            return self._time

    def _apply_items(self, items: set[str]) -> None:
        self._changed_items |= items
        if self.has_tastes:  # an item may be of a category that its user's history leaves out
            stale = [user for user, history in self._histories.items() if history.tastes]
            for user in stale:
                self._drop_history(user)
        with self._database.read() as connection:
            current = records.items_by_id(connection, sorted(items))
        for item in current:
            self._catalog.put(_catalog_item(item))
        for item_id in items - {item.item_id for item in current}:
            self._catalog.delete(item_id)
        self.words.mark_changed(items)

    def _note_popularity(self, change: change_log.Change) -> None:
        pair = (change.user_id or "", change.item_id or "")
        if self._is_positive(change):
            self._popularity.add(pair)
        else:
            self._popularity.mark([pair])

    def _is_positive(self, change: change_log.Change) -> bool:
        if change.action != change_log.FEEDBACK:
            return False
        weight = feedback_weight(
            self.event_weights, change.feedback_type or "", change.value or 0.0, change.weight
        )
        return weight > 0

    def _start_popularity(self, connection: Connection) -> None:
        """Hold the latest pairs of the log."""
        longest = self._settings.popularity_events
        pairs: dict[Pair, None] = {}
        for change in change_log.newest_changes(connection, _SCANNED * longest):
            if change.sequence <= self.sequence and self._is_positive(change):
                pairs[change.user_id or "", change.item_id or ""] = None
            if len(pairs) == longest:
                break
        for pair in reversed(pairs):
            self._popularity.add(pair)

    def _cache_history(self, user_id: str, history: History) -> None:
        self._histories[user_id] = history
        self._histories.move_to_end(user_id)
        self._digests[change_log.user_digest(user_id, self._database.secret)] = user_id
        while len(self._histories) > self._settings.cached_histories:
            self._drop_history(next(iter(self._histories)))

    def _drop_history(self, user_id: str | None) -> None:
        if user_id is not None and self._histories.pop(user_id, None) is not None:
            self._digests.pop(change_log.user_digest(user_id, self._database.secret), None)


def _catalog_item(item: records.ItemRecord) -> CatalogItem:
    is_visible = not item.is_hidden and item.status != records.UNDESCRIBED
    return CatalogItem(item.item_id, is_visible, item.categories, item.timestamp or 0, item.labels)
