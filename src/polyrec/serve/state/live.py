"""The live state of one worker: histories, catalogue and popularity, always up to date.

Everything comes from the database. `catch_up` reads the log behind the number that is known and
applies it; a route calls it before it answers, so that whatever was acknowledged counts, whichever
worker acknowledged it. A history is loaded when it is asked for and dropped when it changes: a
start reads no histories, and memory is bounded.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable

import numpy as np

from polyrec.database import change_log, feedback, records
from polyrec.database.database import Database
from polyrec.serve.settings import Settings
from polyrec.serve.state.event_weights import Worth
from polyrec.serve.state.history import History
from polyrec.serve.state.live_catalog import Filters, LiveCatalog
from polyrec.serve.state.popularity import DecayedPopularity
from polyrec.serve.state.serving_model import ServingModel
from polyrec.types import Bools, Floats, Ints


class LiveState:
    """What a worker knows. Methods may be called from any thread."""

    def __init__(self, database: Database, model: ServingModel, settings: Settings) -> None:
        self.model = model  # read it once per request; `replace_model` puts another in its place
        self.event_weights = Worth.by(model.bundle.config, read_types=settings.read_types)
        self.sequence = 0  # of the log, up to which all is applied
        self.hits = self.misses = 0  # histories found in memory, and not
        self._database, self._settings = database, settings
        self._tail = change_log.ChangeReader(database)
        self._lock = threading.RLock()
        self._catalog = LiveCatalog()
        self._popularity = DecayedPopularity(settings.half_life_days)
        self._recount = False
        self._histories: OrderedDict[str, History] = OrderedDict()
        self._digests: dict[str, str] = {}  # of the users in _histories
        self._touched: set[str] = set()
        self._erased: dict[str, int] = {}  # digest of a user -> when
        self._rows: tuple[ServingModel, int, Ints] | None = None
        self._blocked: tuple[ServingModel, int, Ints] | None = None

    def start(self) -> None:
        """Read the catalogue and what was popular."""
        with self._lock, self._database.read() as connection:
            self.sequence = change_log.last_sequence(connection)
            self._erased = change_log.erased_users(connection)
            for item in records.all_items(connection):
                self._catalog.put(item)
        self._count()

    def close(self) -> None:
        """Let go of the database."""
        self._tail.close()

    def replace_model(self, model: ServingModel) -> None:
        """Let another model answer from the next request on."""
        self.event_weights = Worth.by(model.bundle.config, read_types=self._settings.read_types)
        with self._lock:
            self._histories.clear()
            self._digests.clear()
            self.model = model

    def update_model(self, model: ServingModel) -> None:
        """Let a model of the same bundle, which knows other items, answer from now on."""
        with self._lock:
            self.model = model

    def take_changed_items(self) -> set[str]:
        """Return the items that came, changed or went since this was last asked."""
        with self._lock:
            touched, self._touched = self._touched, set()
        return touched

    def catch_up(self) -> int:
        """Apply what was committed since; return how many changes that were."""
        applied = 0
        while changes := self._tail.after(self.sequence):
            with self._lock:
                # another thread may have been faster
                fresh = [change for change in changes if change.sequence > self.sequence]
                self._apply(fresh)
                self.sequence = max(self.sequence, changes[-1].sequence)
            applied += len(fresh)
        return applied

    def history(self, user_id: str) -> History:
        """Return a user's history, from memory or from the database; empty for someone unknown."""
        now = change_log.now_us()
        with self._lock:
            held = self._histories.get(user_id)
            if held is not None and held.due > now:
                self._histories.move_to_end(user_id)
                self.hits += 1
                return held
            known = self.sequence
            self.misses += 1
        with self._database.read() as connection:
            events = feedback.recent_events(connection, user_id, longest=self._settings.max_history)
        loaded = History.from_events(events, self.event_weights, now=now)
        with self._lock:
            # what was committed in between might concern this user: then it is not kept
            if known == self.sequence:
                self._keep(user_id, loaded)
        return loaded

    def user_row(self, user_id: str) -> int:
        """Return a user's row in the model; -1 for someone it never met, or who was erased since.

        So who comes back after that is someone new, whatever the model once learned.
        """
        model = self.model
        row = model.users.get(user_id, -1)
        if row >= 0 and self._erased:
            erased = self._erased.get(change_log.user_digest(user_id, self._database.secret), 0)
            if erased > model.trained_until:
                return -1
        return row

    def erased_since(self, model: ServingModel) -> int:
        """Return how many users were erased since a model's data were read."""
        with self._lock:
            return sum(moment > model.trained_until for moment in self._erased.values())

    def visible_mask(self, filters: Filters) -> tuple[Bools, list[str]]:
        """Return (n,) which items may be shown, by place, and the ids of the places."""
        with self._lock:
            return self._catalog.matching(filters), self._catalog.ids

    def rows_of(self, items: Iterable[str]) -> Ints:
        """Return the places of those items that are known."""
        with self._lock:
            found = [self._catalog.rows.get(item, -1) for item in items]
        return np.array([place for place in found if place >= 0], np.int64)

    def is_deleted(self, item_id: str) -> bool:
        """Return whether an item was deleted."""
        with self._lock:
            return item_id in self._catalog.deleted

    def times(self) -> Ints:
        """Return (n,) the items' times by place, in microseconds."""
        with self._lock:
            return self._catalog.times.copy()

    def hidden_rows(self, model: ServingModel, filters: Filters) -> Ints:
        """Return the model's rows that may not be shown."""
        with self._lock:
            version = self._catalog.version
            held = self._blocked
            if not filters and held is not None and held[:2] == (model, version):
                return held[2]
            allowed = np.append(self._catalog.matching(filters), False)  # place -1: deleted
            rows = np.flatnonzero(~allowed[self._catalog_rows(model)])
            if not filters:
                self._blocked = (model, version, rows)
            return rows

    def popularity(self, model: ServingModel) -> Floats:
        """Return (n,) what is popular of late, by place; then what was so in training."""
        with self._lock:
            if self._recount:
                self._count()
            places = self._catalog_rows(model)
            total = self._popularity.sums(len(self._catalog)).astype(np.float32)
            known = places >= 0
            # training orders what nobody touched of late
            total[places[known]] += 1e-4 * model.popularity[known]
        return total

    def __len__(self) -> int:
        return len(self._histories)

    def _catalog_rows(self, model: ServingModel) -> Ints:
        """Return (n,) the place of each of the model's rows, -1 for items that were deleted."""
        count = len(self._catalog)
        if self._rows is None or self._rows[:2] != (model, count):
            places = self._catalog.rows
            found = np.array([places.get(name, -1) for name in model.ids], np.int64)
            self._rows = (model, count, found)
        return self._rows[2]

    def _apply(self, changes: list[change_log.Change]) -> None:
        touched = {
            c.item_id for c in changes if c.action == change_log.ITEM and c.item_id is not None
        }
        if touched:
            self._touched |= touched
            with self._database.read() as connection:
                found = records.items_by_id(connection, sorted(touched))
            for item in found:
                self._catalog.put(item)
            for item_id in touched - {item.item_id for item in found}:
                self._catalog.drop(item_id)
        for change in changes:
            if change.action == change_log.FORGET:
                self._erased[change.user_id or ""] = change.made
                self._drop(self._digests.get(change.user_id or ""))
                self._recount = True
            elif change.action != change_log.ITEM:
                self._drop(change.user_id)
                self._recount |= change.action == change_log.NO_FEEDBACK
                self._add(change)

    def _add(self, change: change_log.Change) -> None:
        place = self._catalog.rows.get(change.item_id or "")
        if change.action == change_log.FEEDBACK and place is not None:
            kind, value = change.feedback_type or "", change.value or 0.0
            worth = self.event_weights.of(kind, value, change.weight)
            self._popularity.add(place, worth, change.timestamp)

    def _count(self) -> None:
        """Count anew what was popular of late, from the end of the log."""
        with self._lock, self._database.read() as connection:
            changes = change_log.recent_feedback(connection, self._settings.popularity_events)
            self._popularity = DecayedPopularity(self._settings.half_life_days)
            for change in changes:
                if change.sequence <= self.sequence:
                    self._add(change)
            self._recount = False

    def _keep(self, user_id: str, history: History) -> None:
        self._histories[user_id] = history
        self._histories.move_to_end(user_id)
        self._digests[change_log.user_digest(user_id, self._database.secret)] = user_id
        while len(self._histories) > self._settings.cached_histories:
            self._drop(next(iter(self._histories)))

    def _drop(self, user_id: str | None) -> None:
        if user_id is not None and self._histories.pop(user_id, None) is not None:
            self._digests.pop(change_log.user_digest(user_id, self._database.secret), None)
