"""The queue of items whose content waits to be read: the database is the queue.

An item is queued when it comes or its content changes. Reading it makes features, which are kept;
what became of it is written in the same transaction, unless the item changed meanwhile: then it is
still queued, and read again. So a kill loses nothing.

    live          read, or it has no content; what could not be read is told in the reason
    quarantined   it has content, and none of it could be read
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.engine import Connection

from polyrec.artifact.bundle import Bundle
from polyrec.database import item_media, records
from polyrec.database.blobs import BlobStore
from polyrec.database.database import Database
from polyrec.database.item_media import KEPT, EncodingOutcome, ItemFeature, MediaFile
from polyrec.database.records import ItemRecord
from polyrec.database.writer import Writer
from polyrec.serve.background.item_encoder import ItemContents, ItemEncoder
from polyrec.types import Raw

BATCH_SIZE = 32
"""Items that are read together: what came with many others waits no longer than for these."""

_NOTHING = "it has no content: it is found by popularity and time alone"


def encode_queued(database: Database, writer: Writer, reader: ItemEncoder, files: BlobStore) -> int:
    """Read the items that wait longest; return how many there were."""
    with database.read() as connection:
        items = records.queued_items(connection, BATCH_SIZE)
    if items:
        made = encode_items(database, reader, files, items)
        outcomes = [_outcome(item, made[item.item_id], reader.bundle) for item in items]

        def keep(connection: Connection) -> None:
            settled = set(item_media.record_outcomes(connection, outcomes))
            item_media.put_features(connection, (f for name in settled for f in made[name]))

        writer.submit(keep).result()
    return len(items)


def encode_items(
    database: Database, reader: ItemEncoder, files: BlobStore, items: Sequence[ItemRecord]
) -> dict[str, list[ItemFeature]]:
    """Return item -> one feature per view of the reader."""
    with database.read() as connection:
        media = item_media.media_of(connection, [item.item_id for item in items])
    told = [
        collect_contents(item, media.get(item.item_id, {}), reader.bundle, files) for item in items
    ]
    return reader.read(told)


def collect_contents(
    item: ItemRecord, media: Mapping[str, MediaFile], bundle: Bundle, files: BlobStore
) -> ItemContents:
    """Return what an item has.

    Its text is what was uploaded as text, else its Comment; files are what was uploaded. Of an item
    that came with the bundle, what nobody has touched since is the bundle's.
    """
    found: dict[str, Raw | None] = {}
    own = item.item_id in bundle.rows
    if item.described or not own:
        found["text"] = item.comment.strip() or None
    if not own:
        found |= dict.fromkeys(("image", "audio", "video"))
    for modality, medium in media.items():
        if medium.digest:
            found[modality] = files.path(medium.digest)
        elif modality != "text":
            found[modality] = None
        else:
            found[modality] = item.comment.strip() or None if item.described else None
    return ItemContents(item.item_id, item.revision, found)


def _outcome(item: ItemRecord, features: Sequence[ItemFeature], bundle: Bundle) -> EncodingOutcome:
    bad = [f"{f.view}: {f.reason or f.status}" for f in features if f.status not in ("", KEPT)]
    row = bundle.rows.get(item.item_id)
    there = any(
        f.vector is not None
        or (f.status == KEPT and row is not None and bundle.views[f.view].present[row])
        for f in features
    )
    status = records.QUARANTINED if bad and not there else records.LIVE
    reason = "; ".join(bad) if bad or there else _NOTHING
    return EncodingOutcome(item.item_id, item.revision, status, reason)
