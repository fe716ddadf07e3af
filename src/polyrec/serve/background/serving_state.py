"""Build what a worker serves from a bundle and the database, and add items to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import Connection

from polyrec.artifact.bundle import Bundle
from polyrec.compute.sandbox import Sandbox
from polyrec.contracts import ReservesCapacity
from polyrec.database import change_log, item_media, records
from polyrec.database.blobs import BlobStore
from polyrec.database.database import Database
from polyrec.database.item_media import ItemFeature
from polyrec.database.records import ItemRecord
from polyrec.database.writer import Writer
from polyrec.serve.background import ingest_queue
from polyrec.serve.background.bundle_import import import_bundle, snapshot_sequence
from polyrec.serve.background.item_encoder import ItemEncoder
from polyrec.serve.state.serving_model import ServingModel


@dataclass
class ServingState:
    """The model that is served, its encoders, and how far it follows the database."""

    model: ServingModel
    encoder: ItemEncoder
    applied_revisions: dict[str, int] = field(default_factory=dict)  # item -> of the model
    has_capacity: bool = False  # whether the model is prepared for further items
    unencoded: list[str] = field(default_factory=list)  # items without features of this bundle

    def is_applied(self, item: ItemRecord) -> bool:
        """Return whether this revision of an item was added to the bundle's model."""
        return self.applied_revisions.get(item.item_id) == item.revision

    def is_current(self, item: ItemRecord) -> bool:
        """Return whether the model has an item as the database has it."""
        bundled = item.item_id in self.model.bundle.rows
        return self.is_applied(item) or (bundled and item.revision <= self.model.trained_until)

    def pending(self, items: Iterable[ItemRecord]) -> list[ItemRecord]:
        """Return the items that the model lacks and whose content was encoded."""
        return [
            item for item in items
            if item.status not in (records.QUEUED, records.UNDESCRIBED)
            and not self.is_current(item)
        ]  # fmt: skip

    def has_features(self, item: ItemRecord, features: Mapping[str, ItemFeature]) -> bool:
        """Return whether every view of an item was encoded at its revision."""
        return all(
            view in features and features[view].revision == item.revision
            for view in self.encoder.encoder_digests
        )


class ServingStateBuilder:
    """Builds states from bundle folders, and lets them follow the database."""

    def __init__(
        self, database: Database, writer: Writer, files: BlobStore, sandbox: Sandbox
    ) -> None:
        self.database, self.writer, self.files = database, writer, files
        self._sandbox = sandbox

    def build(self, folder: Path, *, encode: bool) -> ServingState:
        """Return a bundle's state with all items of the database that the bundle lacks.

        Items whose features are of another bundle's encoders are encoded again if `encode`, else
        they are listed in `unencoded`.
        """
        bundle = Bundle.load(folder)
        import_bundle(self.database, bundle)
        with self.database.read() as connection:
            trained_until = snapshot_sequence(connection, folder.name)
            items = [
                item for item in records.all_items(connection)
                if item.revision > trained_until or item.item_id not in bundle.rows
            ]  # fmt: skip
        model = ServingModel.from_bundle(bundle, version=folder.name, trained_until=trained_until)
        state = ServingState(model, ItemEncoder(bundle, self._sandbox))
        if encode or items:
            self.reserve_capacity(state)
        self.apply_items(state, items)
        while encode and state.unencoded:
            self.encode_next(state, ingest_queue.BATCH_SIZE)
        return state

    def encode_next(self, state: ServingState, count: int) -> None:
        """Encode some of the items in `unencoded`, and add them to the model."""
        ids, state.unencoded = state.unencoded[:count], state.unencoded[count:]
        with self.database.read() as connection:
            items = records.items_by_id(connection, ids)
        items = [item for item in items if not state.is_applied(item)]
        if not items:  # they were deleted, or encoded from the queue, meanwhile
            return
        encoded = ingest_queue.encode_items(self.database, state.encoder, self.files, items)

        def save(connection: Connection) -> None:
            features = [feature for of_item in encoded.values() for feature in of_item]
            item_media.put_features(connection, features)
            changes = [{"item_id": item_id} for item_id in encoded]
            change_log.append_changes(connection, change_log.ITEM, changes)

        self.writer.submit(save).result()
        by_view = {item_id: {f.view: f for f in of_item} for item_id, of_item in encoded.items()}
        self._add_items(state, items, by_view)

    def reserve_capacity(self, state: ServingState) -> None:
        """Prepare the model for further items, where its recommender can be prepared.

        The bundle then holds the prepared recommender too, so that its own arrays are freed.
        """
        recommender = state.model.bundle.parts.recommender
        state.has_capacity = True
        if isinstance(recommender, ReservesCapacity) and state.model.recommender is recommender:
            state.model = state.model.with_recommender(recommender.reserve_capacity())

    def apply_items(self, state: ServingState, items: Iterable[ItemRecord]) -> None:
        """Add items to the model, or replace them, where this bundle's features exist."""
        pending = state.pending(items)
        with self.database.read() as connection:
            ids = [item.item_id for item in pending]
            features = item_media.features_of(connection, ids, state.encoder.encoder_digests)
        ready = [
            item for item in pending if state.has_features(item, features.get(item.item_id, {}))
        ]
        self._add_items(state, ready, features)
        ready_ids = {item.item_id for item in ready}
        state.unencoded += [item_id for item_id in ids if item_id not in ready_ids]

    def _add_items(
        self,
        state: ServingState,
        items: list[ItemRecord],
        features: Mapping[str, Mapping[str, ItemFeature]],
    ) -> None:
        if not items:
            return
        of_items = {item.item_id: features.get(item.item_id, {}) for item in items}
        encoder = state.encoder
        ids, views = encoder.align_and_fuse(of_items) if encoder.encoder_digests else ([], {})
        without_content = sorted(of_items.keys() - set(ids))
        model = state.model.without_items(without_content)
        state.model = model.with_items(ids, views) if ids else model
        state.applied_revisions |= {item.item_id: item.revision for item in items}
