"""Remove what was erased from files: bundles, uploads and the database."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from polyrec.artifact.bundle import read_users
from polyrec.artifact.bundle_registry import BundleRegistry
from polyrec.database import change_log, item_media, uploads
from polyrec.database.blobs import BlobStore
from polyrec.database.compaction import rewrite
from polyrec.database.database import Database
from polyrec.serve.background.bundle_import import snapshot_sequence

_GRACE_S = 300.0  # the row that refers to a younger file may not be committed yet


@dataclass(frozen=True)
class CleanUpResult:
    """What was deleted, and what a refit has to remove first."""

    bundles: list[str]  # earlier ones with erased users, that were deleted
    files: int  # uploads that no item refers to, that were deleted
    left: int  # erased users who are still in the current bundle


def clean_up(database: Database, files: BlobStore, registry: BundleRegistry) -> CleanUpResult:
    """Delete earlier bundles with erased users and unused uploads, and rewrite the database.

    A service may run. It keeps the current bundle, which a refit replaces.
    """
    current = registry.current()
    bundles = []
    for name in [] if registry.is_single else registry.names():
        if name != current.name and _erased_in(database, registry.folder / name):
            registry.delete(name)
            bundles.append(name)
    with database.read() as connection:
        digests = item_media.referenced_digests(connection)
    swept = files.sweep(digests, older_than_s=_GRACE_S)
    with database.write() as connection:
        uploads.forget_uploads(connection, swept)
    rewrite(database)
    return CleanUpResult(bundles, len(swept), _erased_in(database, current))


def _erased_in(database: Database, folder: Path) -> int:
    """Return how many users of a bundle were erased since its data were read."""
    with database.read() as connection:
        snapshot = snapshot_sequence(connection, folder.name)
        erasures = change_log.erased_users(connection)
    erased = {name for name, sequence in erasures.items() if sequence > snapshot}
    if not erased:
        return 0
    users = read_users(folder)
    return sum(change_log.user_digest(user, database.secret) in erased for user in users)
