"""The thread that keeps a worker's model up to date: new items, changed ones, and new bundles.

Every worker has one. The leader (`database.leader_lock`) encodes queued items; all of them add the
results to their own model, each in one assignment. When another bundle becomes current, it is
loaded, given the items that it lacks, and replaces the old one.
"""

from __future__ import annotations

import logging
import threading
import time

from polyrec.database import item_media, records, uploads
from polyrec.database.leader_lock import LeaderLock
from polyrec.database.records import ItemRecord
from polyrec.errors import PolyrecError
from polyrec.serve.background import ingest_queue
from polyrec.serve.background.refit_schedule import RefitSchedule
from polyrec.serve.background.serving_state import ServingState, ServingStateBuilder
from polyrec.serve.state.live import LiveState

_LOG = logging.getLogger(__name__)
_POLL_S = 0.2  # between two looks at the log, where no write wakes the thread
_BUNDLE_S = 1.0  # between two looks at which bundle is current
_RETRY_S = 1.0  # after an update that failed
_RETRY_BUNDLE_S = 30.0  # after a bundle that could not be loaded
_SCHEDULE_S = 10.0  # between two looks at whether a refit is due
_WARM_UP_S = 3.0  # after the start, so that the first requests go before
_WORDS_S = 60.0  # between two updates of the words; a search makes the rest
_SWEEP_S = 3600.0  # how long a file without an item is kept, and how often such files are deleted


class ModelUpdater:
    """One worker's thread; `wake` it after a write that it should apply at once."""

    def __init__(
        self,
        builder: ServingStateBuilder,
        live: LiveState,
        state: ServingState,
        schedule: RefitSchedule,
    ) -> None:
        self.state = state
        self._builder, self._live = builder, live
        self._schedule, self._registry = schedule, schedule.registry
        self._leader_lock = LeaderLock(builder.database)
        self._wake = threading.Event()
        self._stop = False
        warm_up = time.monotonic() + _WARM_UP_S
        self._due_at = {"bundle": 0.0, "sweep": 0.0, "schedule": 0.0}
        self._due_at |= {"warm_up": warm_up, "words": warm_up}
        self._failed_bundle: tuple[str, float] = ("", 0.0)  # its name, and when to try again
        self._thread = threading.Thread(target=self._run, name="polyrec-model-updater", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop when the update under way is done."""
        self._stop = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        self._schedule.close()
        self._leader_lock.close()

    def wake(self) -> None:
        """Update now."""
        self._wake.set()

    def check_bundle(self) -> None:
        """Update now, and look at which bundle is current."""
        self._due_at["bundle"] = 0.0
        self._wake.set()

    def is_current(self, item: ItemRecord) -> bool:
        """Return whether the model has an item as the database has it."""
        return self.state.is_current(item)

    def update(self) -> None:
        """Bring the model up to date, once."""
        if not self.state.has_capacity:
            self._builder.reserve_capacity(self.state)
            self._live.update_model(self.state.model)
        self._apply_changes()
        if self._is_due("bundle", _BUNDLE_S):
            self._load_current_bundle()
        if self._leader_lock.is_leader():
            self._lead()
        if self._is_due("words", _WORDS_S):
            self._live.words.update(self.state.model.bundle)

    def _run(self) -> None:
        while not self._stop:
            self._wake.clear()
            try:
                self.update()
            except Exception:  # noqa: BLE001 - no failure of a file or database may end the thread
                if not self._stop:
                    _LOG.exception("model update failed, retrying in %g s", _RETRY_S)
                    time.sleep(_RETRY_S)
            self._wake.wait(_POLL_S)

    def _lead(self) -> None:
        """Do one piece of the work that one worker does for all."""
        if self._is_due("schedule", _SCHEDULE_S):
            self._schedule.start_if_due()
        builder, encoder = self._builder, self.state.encoder
        if ingest_queue.encode_queued(builder.database, builder.writer, encoder, builder.files):
            self._apply_changes()
            self._wake.set()  # the queue may hold more
        elif self.state.unencoded:
            builder.encode_next(self.state, ingest_queue.BATCH_SIZE)
            self._live.update_model(self.state.model)
            self._wake.set()
        elif not encoder.is_warm and self._is_due("warm_up", 0):
            encoder.warm_up()
        elif self._is_due("sweep", _SWEEP_S):
            self._delete_unused_files()

    def _apply_changes(self) -> None:
        """Apply the items that changed since the last call to the model."""
        self._live.catch_up()
        self._live.refresh_popularity()  # so that requests have little to read
        changed = self._live.take_changed_items()
        if not changed:
            return
        with self._builder.database.read() as connection:
            items = records.items_by_id(connection, sorted(changed))
        deleted = changed - {item.item_id for item in items}
        for item_id in deleted:
            self.state.applied_revisions.pop(item_id, None)
        before = self.state.model
        self.state.model = before.without_items(sorted(deleted))
        self._builder.apply_items(self.state, items)
        if self.state.model is not before:
            self._live.update_model(self.state.model)

    def _load_current_bundle(self) -> None:
        """Load the current bundle if it is another than the one that is served."""
        if self._registry.is_single:
            return
        name = ""
        try:
            folder = self._registry.current()
            name = folder.name
            if name == self.state.model.version or self._failed_lately(name):
                return
            state = self._builder.build(folder, encode=True)
        except (PolyrecError, OSError) as error:
            message = "bundle %s can't be loaded, retrying in %g s: %s"
            _LOG.error(message, name or "?", _RETRY_BUNDLE_S, error)
            self._failed_bundle = (name, time.monotonic() + _RETRY_BUNDLE_S)
            return
        self._live.replace_model(state.model)
        self.state = state
        _LOG.info("bundle %s is served", name)

    def _failed_lately(self, name: str) -> bool:
        failed, retry_at = self._failed_bundle
        return failed == name and time.monotonic() < retry_at

    def _delete_unused_files(self) -> None:
        with self._builder.database.read() as connection:
            digests = item_media.referenced_digests(connection)
        deleted = self._builder.files.sweep(digests, older_than_s=_SWEEP_S)
        self._builder.writer.submit(lambda c: uploads.forget_uploads(c, deleted)).result()

    def _is_due(self, task: str, interval_s: float) -> bool:
        now = time.monotonic()
        if now < self._due_at[task]:
            return False
        self._due_at[task] = now + interval_s
        return True
