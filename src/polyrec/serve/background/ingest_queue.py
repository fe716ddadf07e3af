"""The queue of items whose content is to be encoded: the database is the queue.

An item is queued when it is added or its content changes. Its features and its outcome are written
in one transaction, unless the item changed meanwhile: then it stays queued and is encoded again.
So a kill loses nothing.

    live          encoded, or without content; the reason lists contents that can't be read
    quarantined   none of its contents can be read
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
"""Items encoded together: an item waits for the others of its batch, and for no more."""

_NO_CONTENT = "it has no content: it is found by popularity and time alone"


def encode_queued(
    database: Database, writer: Writer, encoder: ItemEncoder, files: BlobStore
) -> int:
    """Encode the items that have waited longest; return how many there were."""
    with database.read() as connection:
        items = records.queued_items(connection, BATCH_SIZE)
    if items:
        features = encode_items(database, encoder, files, items)
        outcomes = [_outcome(item, features[item.item_id], encoder.bundle) for item in items]

        def save(connection: Connection) -> None:
            ids = item_media.record_outcomes(connection, outcomes)
            item_media.put_features(connection, (f for item_id in ids for f in features[item_id]))

        writer.submit(save).result()
    return len(items)


def encode_items(
    database: Database, encoder: ItemEncoder, files: BlobStore, items: Sequence[ItemRecord]
) -> dict[str, list[ItemFeature]]:
    """Return item -> one feature per view of the encoder."""
    with database.read() as connection:
        media = item_media.media_of(connection, [item.item_id for item in items])
    return encoder.encode(
        [collect_contents(item, media.get(item.item_id, {}), encoder.bundle, files)
         for item in items]
    )  # fmt: skip


def collect_contents(
    item: ItemRecord, media: Mapping[str, MediaFile], bundle: Bundle, files: BlobStore
) -> ItemContents:
    """Return an item's contents.

    Its text is the one uploaded, else its Comment; files are those uploaded. What was not changed
    since the bundle is the bundle's.
    """
    contents: dict[str, Raw | None] = {}
    bundled = item.item_id in bundle.rows
    if item.described or not bundled:
        contents["text"] = item.comment.strip() or None
    if not bundled:
        contents |= dict.fromkeys(("image", "audio", "video"))
    for modality, file in media.items():
        if file.digest:
            contents[modality] = files.path(file.digest)
        elif modality != "text":
            contents[modality] = None
        else:
            contents[modality] = item.comment.strip() or None if item.described else None
    return ItemContents(item.item_id, item.revision, contents)


def _outcome(item: ItemRecord, features: Sequence[ItemFeature], bundle: Bundle) -> EncodingOutcome:
    problems = [f"{f.view}: {f.reason or f.status}" for f in features if f.status not in ("", KEPT)]
    row = bundle.rows.get(item.item_id)
    has_content = any(
        f.vector is not None
        or (f.status == KEPT and row is not None and bundle.views[f.view].present[row])
        for f in features
    )
    status = records.QUARANTINED if problems and not has_content else records.LIVE
    reason = "; ".join(problems) if problems or has_content else _NO_CONTENT
    return EncodingOutcome(item.item_id, item.revision, status, reason)
