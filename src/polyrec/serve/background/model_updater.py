"""The thread that keeps a worker's model up to date: new items, changed ones, and new bundles.

Every worker has one. One of them encodes queued items (`database.leader_lock`); all of them add the
results to their own model, each in one assignment. When the bundle that `current` names changes, it
is loaded, given the items that it does not know, and replaces the old one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import Connection

from polyrec.artifact.bundle import Bundle
from polyrec.contracts import ReservesCapacity
from polyrec.database import change_log, item_media, records
from polyrec.database.blobs import BlobStore
from polyrec.database.database import Database
from polyrec.database.item_media import ItemFeature
from polyrec.database.leader_lock import LeaderLock
from polyrec.database.records import ItemRecord
from polyrec.database.writer import Writer
from polyrec.errors import PolyrecError
from polyrec.serve.background import ingest_queue
from polyrec.serve.background.bundle_import import import_bundle, snapshot_time
from polyrec.serve.background.item_encoder import ItemEncoder
from polyrec.serve.background.refit_schedule import RefitSchedule
from polyrec.serve.state.live import LiveState
from polyrec.serve.state.serving_model import ServingModel

_LOG = logging.getLogger(__name__)
_LOOK_S = 0.2  # between two looks at the log, where nobody asks
_POINTER_S = 1.0  # between two looks at the pointer
_AGAIN_S = 30.0  # after which a bundle that could not be loaded is tried again
_SCHEDULE_S = 10.0  # between two looks at whether a refit is due
_SETTLED_S = 3.0  # after which encoders are loaded: the first requests go before
_SWEEP_S = 3600.0  # how old a file without an item may become, and how often they are looked for


@dataclass
class ServingState:
    """What is served, and how far it follows the database."""

    model: ServingModel
    encoder: ItemEncoder
    applied_revisions: dict[str, int] = field(
        default_factory=dict
    )  # item -> revision that the model has
    has_capacity: bool = False  # whether the model is prepared for further items
    unencoded: list[str] = field(default_factory=list)  # items whose features are of another bundle


class ServingStateBuilder:
    """Makes the state of a bundle from its folder and the database."""

    def __init__(
        self, database: Database, writer: Writer, files: BlobStore, sandbox: object
    ) -> None:
        self.database, self.writer, self.files = database, writer, files
        self._sandbox = sandbox

    def build(self, folder: Path, *, read: bool) -> ServingState:
        """Return a bundle with all items of the database that it does not know.

        With `read`, features that another bundle's encoders made are made anew first, else these
        items are told in `unencoded`.
        """
        bundle = Bundle.load(folder)
        import_bundle(self.database, bundle)
        reader = ItemEncoder(bundle, self._sandbox)  # type: ignore[arg-type]
        with self.database.read() as connection:
            since = snapshot_time(connection, folder.name)
            items = [
                item for item in records.all_items(connection)
                if item.revision > since or item.item_id not in bundle.rows
            ]  # fmt: skip
        state = ServingState(
            ServingModel.from_bundle(bundle, version=folder.name, trained_until=since), reader
        )
        if read or items:
            self.reserve_capacity(state)
        self.apply(state, items)
        while read and state.unencoded:
            self.read(state, ingest_queue.BATCH_SIZE)
        return state

    def read(self, state: ServingState, count: int) -> None:
        """Make the features of some unread items, and let the model know them."""
        some, state.unencoded = state.unencoded[:count], state.unencoded[count:]
        with self.database.read() as connection:
            items = records.items_by_id(connection, some)
        items = [
            item for item in items if state.applied_revisions.get(item.item_id) != item.revision
        ]
        made = ingest_queue.encode_items(self.database, state.encoder, self.files, items)
        features = [feature for found in made.values() for feature in found]

        def keep(connection: Connection) -> None:
            item_media.put_features(connection, features)
            change_log.append_changes(
                connection, change_log.ITEM, [{"item_id": name} for name in made]
            )

        self.writer.submit(keep).result()
        found = {name: {f.view: f for f in each} for name, each in made.items()}
        self._grow(state, items, found)

    def reserve_capacity(self, state: ServingState) -> None:
        """Prepare the model for items to come, as far as its recommender can be prepared.

        The bundle lets go of the weights that it was loaded with: they are in the room.
        """
        recommender = state.model.bundle.parts.recommender
        state.has_capacity = True
        if isinstance(recommender, ReservesCapacity) and state.model.recommender is recommender:
            state.model = state.model.with_recommender(recommender.reserve_capacity())

    def apply(self, state: ServingState, items: Iterable[ItemRecord]) -> None:
        """Let the model know these items as far as they were read."""
        fresh = [
            item for item in items if state.applied_revisions.get(item.item_id) != item.revision
        ]
        fresh = [item for item in fresh if item.status != records.QUEUED]
        fresh = [item for item in fresh if _concerns(state, item)]
        with self.database.read() as connection:
            names = [item.item_id for item in fresh]
            found = item_media.features_of(connection, names, state.encoder.encoder_digests)
        whole = [item for item in fresh if _whole(state, item, found.get(item.item_id, {}))]
        self._grow(state, whole, found)
        known = {item.item_id for item in whole}
        state.unencoded += [item.item_id for item in fresh if item.item_id not in known]

    def _grow(
        self,
        state: ServingState,
        items: list[ItemRecord],
        found: Mapping[str, Mapping[str, ItemFeature]],
    ) -> None:
        if not items:
            return
        names = {item.item_id: found.get(item.item_id, {}) for item in items}
        ids, views = state.encoder.views(names) if state.encoder.encoder_digests else ([], {})
        bare = [name for name in names if name not in set(ids)]
        model = state.model.without_items(bare) if bare else state.model
        state.model = model.with_items(ids, views) if ids else model
        state.applied_revisions |= {item.item_id: item.revision for item in items}


def _concerns(state: ServingState, item: ItemRecord) -> bool:
    return item.revision > state.model.trained_until or item.item_id not in state.model.bundle.rows


def _whole(state: ServingState, item: ItemRecord, features: Mapping[str, ItemFeature]) -> bool:
    """Return whether all views of an item were read, as it is now."""
    return all(
        view in features and features[view].revision == item.revision
        for view in state.encoder.encoder_digests
    )


class ModelUpdater:
    """One worker's thread; `wake` it after a write that it should know of at once."""

    def __init__(
        self,
        builder: ServingStateBuilder,
        live: LiveState,
        state: ServingState,
        schedule: RefitSchedule,
    ) -> None:
        self.state = state
        self._builder, self._live = builder, live
        self._schedule, self._shelf = schedule, schedule.shelf
        self._leader_lock = LeaderLock(builder.database)
        self._wake = threading.Event()
        self._stop = False
        settled = time.monotonic() + _SETTLED_S
        self._due = {"pointer": 0.0, "sweep": 0.0, "schedule": 0.0, "warm": settled}
        self._failed: tuple[str, float] = ("", 0.0)
        self._thread = threading.Thread(target=self._run, name="polyrec-keeper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End when the piece of work at hand is done."""
        self._stop = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        self._schedule.close()
        self._leader_lock.close()

    def wake(self) -> None:
        """Let it look now."""
        self._wake.set()

    def check_bundle(self) -> None:
        """Let it look at the pointer now."""
        self._due["pointer"] = 0.0
        self._wake.set()

    def is_current(self, item: ItemRecord) -> bool:
        """Return whether the model has an item as it is now."""
        state = self.state
        return (
            not _concerns(state, item) or state.applied_revisions.get(item.item_id) == item.revision
        )

    def follow(self) -> None:
        """Do what is to do, once."""
        if not self.state.has_capacity:
            self._builder.reserve_capacity(self.state)
            self._live.update_model(self.state.model)
        self._live.catch_up()
        self._follow_log()
        if self._after("pointer", _POINTER_S):
            self._follow_pointer()
        if self._leader_lock.is_leader():
            self._work()

    def _work(self) -> None:
        """Do what one worker does for all."""
        if self._after("schedule", _SCHEDULE_S):
            self._schedule.look()
        builder, reader = self._builder, self.state.encoder
        if ingest_queue.encode_queued(builder.database, builder.writer, reader, builder.files):
            self._live.catch_up()
            self._follow_log()
            self._wake.set()  # there may be more
        elif self.state.unencoded:
            builder.read(self.state, ingest_queue.BATCH_SIZE)
            self._live.update_model(self.state.model)
            self._wake.set()
        elif not reader.is_warm and self._after("warm", 0):
            reader.warm_up()
        elif self._after("sweep", _SWEEP_S):
            self._sweep()

    def _run(self) -> None:
        while not self._stop:
            self._wake.clear()
            try:
                self.follow()
            except Exception:  # noqa: BLE001 - it has to go on, whatever a file or a database does
                if not self._stop:
                    _LOG.exception("the keeper stumbled; it tries again")
                    time.sleep(_POINTER_S)
            self._wake.wait(_LOOK_S)

    def _follow_log(self) -> None:
        touched = self._live.take_changed_items()
        if not touched:
            return
        with self._builder.database.read() as connection:
            items = records.items_by_id(connection, sorted(touched))
        gone = touched - {item.item_id for item in items}
        for name in gone:
            self.state.applied_revisions.pop(name, None)
        before = self.state.model
        self.state.model = before.without_items(sorted(gone)) if gone else before
        self._builder.apply(self.state, items)
        if self.state.model is not before:
            self._live.update_model(self.state.model)

    def _follow_pointer(self) -> None:
        if self._shelf.is_single:
            return
        name = ""
        try:
            folder = self._shelf.current()
            name = folder.name
            if name == self.state.model.version or self._failed_lately(name):
                return
            state = self._builder.build(folder, read=True)
        except (PolyrecError, OSError) as error:
            _LOG.error("bundle %s can't be served: %s", name or "?", error)
            self._failed = (name, time.monotonic() + _AGAIN_S)
            return
        self._live.replace_model(state.model)
        self.state = state
        _LOG.info("bundle %s is served", folder.name)

    def _failed_lately(self, name: str) -> bool:
        return self._failed[0] == name and time.monotonic() < self._failed[1]

    def _sweep(self) -> None:
        with self._builder.database.read() as connection:
            known = item_media.referenced_digests(connection)
        self._builder.files.sweep(known, older_than_s=_SWEEP_S)

    def _after(self, what: str, seconds: float) -> bool:
        now = time.monotonic()
        if now < self._due[what]:
            return False
        self._due[what] = now + seconds
        return True
