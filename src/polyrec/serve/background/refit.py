"""Train a new bundle from the database, beside the service, and make it current.

The parts and their settings are those of the current bundle, fitted again on all items and all
behaviour. First the new bundle is evaluated as usual, on behaviour held out from it; then its
recommender is fitted on all behaviour, since the latest events matter most.
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
from polyrec.config import Config, EncodeConfig, RecommendConfig
from polyrec.contracts import StopsOnValid, TrainsEndToEnd
from polyrec.data.load import Dataset, build_dataset, read_catalog
from polyrec.database import change_log, item_media
from polyrec.database.blobs import BlobStore
from polyrec.database.database import Database
from polyrec.database.leader_lock import exclusive_file_lock
from polyrec.errors import BundleError, DataError
from polyrec.pipeline.assemble import build_recommender
from polyrec.pipeline.run import run
from polyrec.registry import short_name
from polyrec.serve.background.bundle_import import mark_imported, record_snapshot, snapshot_sequence
from polyrec.serve.background.training_tables import BundleSource, read_training_tables
from polyrec.types import Catalog, Progress, silent


@dataclass(frozen=True)
class RefitResult:
    """A new bundle of the registry, and its metrics from before it was fitted on all behaviour."""

    name: str
    items: int
    events: int
    metrics: dict[str, Any]
    baselines: list[dict[str, Any]]  # plain models on test, and the differences


def refit(
    database: Database,
    registry: BundleRegistry,
    files: BlobStore,
    *,
    data: Path | None = None,
    keep: int = 5,
    progress: Progress = silent,
) -> RefitResult:
    """Train a bundle, make it current, and delete all but the newest `keep`.

    `data` is the folder of the first bundle's own data, if it was moved. Too little to learn from
    raises `DataError` and leaves the registry as it is.
    """
    if registry.is_single:
        remedy = "serve a folder of bundles: polyrec run --out BUNDLES/000001"
        raise BundleError("a single bundle has no place for another", received=str(registry.folder),
                          remedy=remedy)  # fmt: skip
    with exclusive_file_lock(registry.folder / ".refit"):
        registry.pin()
        current = Bundle.load(registry.current())
        snapshot, dataset = _load(database, current, files, data)
        name = registry.next_name()
        bundle, report = _train(current, dataset, registry.folder / name, progress)
        with database.write() as connection:
            mark_imported(connection, bundle)
            record_snapshot(connection, name, snapshot)
        registry.set_current(name)
        _prune(database, registry, keep)
    items, events = len(bundle.ids), len(bundle.events)
    return RefitResult(name, items, events, report["metrics"], report["baselines"])


def _load(
    database: Database, current: Bundle, files: BlobStore, data: Path | None
) -> tuple[int, Dataset]:
    """Return the number of the change until which everything is in the data, and the data."""
    config = current.config
    source = BundleSource(current, _find_catalog(current, data))
    with database.write() as connection:  # the lock: no earlier write is still uncommitted
        snapshot = change_log.append_snapshot(connection)
    with database.read() as connection:
        tables = read_training_tables(connection, source, files, config.event_weights)
    if not len(tables.events):
        raise DataError("there is nothing to learn from", received="0 events", remedy="wait")
    split = config.data.split
    data_config = config.data.model_copy(
        update={
            "text": (), "image": None, "audio": None, "video": None, "features": {},
            "columns": {}, "min_rating": None,  # the weight column has the final weights
            "time_format": "s",
            "split": split.model_copy(update={"use": "auto"}) if split.use == "given" else split,
        }
    )  # fmt: skip
    kinds = dict.fromkeys(tables.events["kind"].unique().to_list(), 1.0)
    return snapshot, build_dataset(tables, data_config, weights=kinds, seed=config.seed)


def _find_catalog(current: Bundle, data: Path | None) -> Catalog | None:
    """Return the catalogue that the first bundle was made from, None if its files are gone."""
    if current.catalog is not None:
        return current.catalog
    config = current.config.data
    try:
        return read_catalog(config if data is None else config.model_copy(update={"path": data}))
    except DataError:
        if data is not None:
            raise
        return None


def _train(
    current: Bundle, dataset: Dataset, folder: Path, progress: Progress
) -> tuple[Bundle, dict[str, Any]]:
    """Return the bundle, saved with the report of its evaluation, and that report."""
    evaluated = folder.with_name(f".{folder.name}.measured")
    shutil.rmtree(evaluated, ignore_errors=True)
    bundle = run(dataset, settings=resolve_config(current), out=evaluated, progress=progress)
    report = json.loads((evaluated / "report.json").read_text(encoding="utf-8"))
    final = dataclasses.replace(fit_on_all(bundle), config=current.config)
    final.save(folder)
    for file in evaluated.iterdir():
        if not (folder / file.name).exists():
            file.rename(folder / file.name)
    shutil.rmtree(evaluated)
    return final, report


def resolve_config(bundle: Bundle) -> Config:
    """Return a bundle's config with the settings that were chosen where it left them open."""
    config, parts = bundle.config, bundle.parts
    recommend = RecommendConfig(use=config.recommend.use, **part_settings(parts.recommender))
    encode = config.encode or {
        name: EncodeConfig(use=short_name("encode", encoder), **part_settings(encoder))
        for name, encoder in parts.encoders.items()
    }
    return config.model_copy(update={"recommend": recommend, "encode": encode})


def fit_on_all(bundle: Bundle) -> Bundle:
    """Return a bundle whose recommender is fitted on train, valid and test together.

    A recommender that stops on valid, or that was trained with its encoders, stays as it is.
    """
    recommender = bundle.parts.recommender
    end_to_end = isinstance(recommender, TrainsEndToEnd) and recommender.end_to_end
    if end_to_end or isinstance(recommender, StopsOnValid):
        return bundle
    events = bundle.events
    fitted = build_recommender(bundle.config, {}).fit(events, bundle.views)
    parts = dataclasses.replace(bundle.parts, recommender=fitted)
    empty = events.take(np.zeros(0, np.int64))
    behaviour = {"train": events, "valid": empty, "test": empty}
    return dataclasses.replace(bundle, behaviour=behaviour, parts=parts)


def _prune(database: Database, registry: BundleRegistry, keep: int) -> None:
    """Delete old bundles, and the features and changes that only they needed."""
    registry.prune(keep)
    with database.write() as connection:
        oldest = min(snapshot_sequence(connection, name) for name in registry.names())
        item_media.delete_features(connection, before=oldest)
    pruned = 1
    while pruned:  # in transactions of their own: writes of the service wait for each
        with database.write() as connection:
            pruned = change_log.prune(connection, before=oldest)
