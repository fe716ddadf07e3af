"""Train a new bundle from the database, beside the service, and make it current.

The parts and their settings are those of the current bundle; what they learned is learned anew,
from all items and all behaviour. First it is measured as ever, on behaviour that it did not see;
then the recommender learns from all of it, since what a shop needs most is what happened last.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polyrec.artifact.bundle import Bundle
from polyrec.artifact.bundle_registry import BundleRegistry
from polyrec.artifact.part_state import part_settings
from polyrec.config import Config, DataConfig, EncodeConfig, RecommendConfig
from polyrec.contracts import StopsOnValid, TrainsEndToEnd
from polyrec.data.load import LoadedDataset, build_dataset, read_catalog
from polyrec.database import change_log, item_media
from polyrec.database.blobs import BlobStore
from polyrec.database.database import Database
from polyrec.database.leader_lock import exclusive_file_lock
from polyrec.errors import BundleError, DataError
from polyrec.pipeline.assemble import build_recommender
from polyrec.pipeline.run import run
from polyrec.registry import short_name
from polyrec.serve.background.bundle_import import mark_imported, record_snapshot, snapshot_time
from polyrec.serve.background.training_tables import ImportedContent, read_training_tables
from polyrec.types import Catalog, Progress, silent


@dataclass(frozen=True)
class RefitResult:
    """A new bundle on the shelf, and what it reached before it learned from all behaviour."""

    name: str
    items: int
    events: int
    metrics: dict[str, Any]


def refit(
    database: Database,
    shelf: BundleRegistry,
    files: BlobStore,
    *,
    data: Path | None = None,
    keep: int = 5,
    progress: Progress = silent,
) -> RefitResult:
    """Train a bundle, put it on the shelf, make it current; keep so many, delete older ones.

    `data` is where the first bundle's own data lie now. Where there is too little to learn from,
    `DataError` says so and the shelf stays as it is.
    """
    if shelf.is_single:
        remedy = "serve a folder of bundles: polyrec run --out BUNDLES/000001"
        raise BundleError("a single bundle has no place for another", received=str(shelf.folder),
                          remedy=remedy)  # fmt: skip
    with exclusive_file_lock(shelf.folder / ".refit"):
        shelf.pin()
        before = Bundle.load(shelf.current())
        moment, loaded = _load(database, before, files, data)
        name = shelf.next_name()
        bundle, told = _train(before, loaded, shelf.folder / name, progress)
        with database.write() as connection:
            mark_imported(connection, bundle)
            record_snapshot(connection, name, moment)
        shelf.set_current(name)
        _prune(database, shelf, keep)
    return RefitResult(name, len(bundle.ids), len(bundle.events), told)


def _load(
    database: Database, before: Bundle, files: BlobStore, data: Path | None
) -> tuple[int, LoadedDataset]:
    """Return the data to train on, and the moment up to which all that was sent is in them."""
    config = before.config
    origin = ImportedContent(before, _origin(config.data, data))
    with database.write():
        moment = change_log.now_us()  # nothing sent earlier is still on its way
    with database.read() as connection:
        tables = read_training_tables(connection, origin, files, config.event_weights)
    if not len(tables.events):
        raise DataError("there is nothing to learn from", received="0 events", remedy="wait")
    split = config.data.split
    plain = config.data.model_copy(
        update={
            "text": (), "image": None, "audio": None, "video": None, "features": {},
            "columns": {}, "min_rating": None,  # weights are worked out
            "split": split.model_copy(update={"use": "auto"}) if split.use == "given" else split,
        }
    )  # fmt: skip
    kinds = dict.fromkeys(tables.events["kind"].unique().to_list(), 1.0)
    return moment, build_dataset(tables, plain, weights=kinds, seed=config.seed)


def _origin(config: DataConfig, data: Path | None) -> Catalog | None:
    """Return the items that the first bundle was made from, None if they are gone."""
    try:
        return read_catalog(config if data is None else config.model_copy(update={"path": data}))
    except DataError:
        if data is not None:
            raise
        return None


def _train(
    before: Bundle, loaded: LoadedDataset, folder: Path, progress: Progress
) -> tuple[Bundle, dict[str, Any]]:
    """Return the bundle, saved in its folder with the report of what it reached, and that."""
    measured = folder.with_name(f".{folder.name}.measured")
    shutil.rmtree(measured, ignore_errors=True)
    bundle = run(resolve_config(before), out=measured, data=loaded, progress=progress)
    report = json.loads((measured / "report.json").read_text(encoding="utf-8"))
    whole = dataclasses.replace(fit_on_all(bundle), config=before.config)
    whole.save(folder)
    for file in measured.iterdir():
        if not (folder / file.name).exists():
            file.rename(folder / file.name)
    shutil.rmtree(measured)
    return whole, report["metrics"]


def resolve_config(bundle: Bundle) -> Config:
    """Return a bundle's config with all that it left open as it was chosen."""
    config, parts = bundle.config, bundle.parts
    recommend = RecommendConfig(use=config.recommend.use, **part_settings(parts.recommender))
    encode = config.encode or {
        name: EncodeConfig(use=short_name("encode", encoder), **part_settings(encoder))
        for name, encoder in parts.encoders.items()
    }
    return config.model_copy(update={"recommend": recommend, "encode": encode})


def fit_on_all(bundle: Bundle) -> Bundle:
    """Return a bundle whose recommender learned from all behaviour, valid and test included.

    Settings, content and its views stay; nothing is left to measure it on. A model that stops where
    valid is best needs valid, one that was trained with its encoders needs these: they stay.
    """
    recommender = bundle.parts.recommender
    end_to_end = isinstance(recommender, TrainsEndToEnd) and recommender.end_to_end
    if end_to_end or isinstance(recommender, StopsOnValid):
        return bundle
    events = bundle.events
    fresh = build_recommender(bundle.config, {})
    parts = dataclasses.replace(bundle.parts, recommender=fresh.fit(events, bundle.views))
    nothing = events.take(np.zeros(0, np.int64))
    behaviour = {"train": events, "valid": nothing, "test": nothing}
    return dataclasses.replace(bundle, behaviour=behaviour, parts=parts)


def _prune(database: Database, shelf: BundleRegistry, keep: int) -> None:
    """Delete the bundles that are too old, and what none of the others needs."""
    shelf.prune(keep)
    with database.write() as connection:
        oldest = min(snapshot_time(connection, name) for name in shelf.names())
        item_media.delete_features(connection, before=oldest)
        change_log.drop_erasures(connection, before=oldest)
