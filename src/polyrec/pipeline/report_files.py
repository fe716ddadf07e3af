"""What a run tells beside its bundle: report, quarantine list, alignment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polyrec.artifact import part_state
from polyrec.artifact.bundle import Bundle
from polyrec.compute.stopwatch import Stopwatch, Times, measure_latency, peak_memory_mb, versions
from polyrec.data.load import LoadedDataset
from polyrec.evaluate.alignment import map_svg, view_agreement
from polyrec.evaluate.alignment_page import write_alignment_page
from polyrec.evaluate.grid_search import Trial
from polyrec.evaluate.protocols import Evaluation
from polyrec.evaluate.quarantine import (
    quarantined_contents,
    write_quarantine,
    write_quarantine_page,
)
from polyrec.evaluate.report import EncodedView, Report, bootstrap_intervals, write_report_page
from polyrec.evaluate.samples import draw_samples, sample_item
from polyrec.types import FUSED, Catalog, Ints, Views

_MEASURED = 2000  # items, drawn at random, of larger catalogues
_PICTURED = 24
_TIMED, _LISTED = 200, 10  # users whose requests are timed, and how long their lists are


@dataclass(frozen=True)
class Finished:
    """A run that is done."""

    bundle: Bundle
    loaded: LoadedDataset
    views: Views  # as encoded
    contents: Mapping[str, str]  # view -> the content that it reads
    trials: Sequence[Trial]
    watch: Stopwatch


def write_summary(done: Finished, evaluations: Mapping[str, Evaluation], folder: Path) -> None:
    """Write report.json, report.html, per_user.npz, quarantine.*, alignment.*."""
    dataset = done.loaded.dataset
    catalog = dataset.catalog
    alignment = write_alignment_report(done.views, done.bundle.views, catalog, folder)
    evaluation = evaluations["test"]
    cost = costs(done.bundle, evaluation, done.watch.seconds, folder)
    report = _report(done, evaluations, cost, aligned=bool(alignment))
    report.write_json(folder / "report.json")
    evaluation.save_per_user(folder / "per_user.npz")
    samples = draw_samples(dataset, evaluation, seed=done.bundle.config.seed)
    write_report_page(report, evaluation, len(catalog), samples, folder / "report.html")
    found = [
        entry
        for name, view in done.views.items()
        for entry in quarantined_contents(catalog, name, done.contents[name], view.problems)
    ]
    write_quarantine(found, folder / "quarantine.jsonl")
    write_quarantine_page(found, folder / "quarantine.html")


def costs(
    bundle: Bundle, evaluation: Evaluation, seconds: Mapping[str, float], folder: Path
) -> Times:
    """Return `fit_s` where it was fitted, `peak_memory_mb`, `bundle_mb`, the latency of top tens.

    Timed are requests for 200 of the evaluated users, drawn at random, inside this process: what a
    server adds is not in it.
    """
    seed, users = bundle.config.seed, evaluation.users
    drawn = users[_drawn(len(users), _TIMED, seed)]
    query = bundle.behaviour["train"].histories(drawn)
    model = bundle.parts.recommender
    size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    return {
        **({"fit_s": seconds["fit"]} if "fit" in seconds else {}),
        "peak_memory_mb": peak_memory_mb(),
        "bundle_mb": size / 1e6,
        **measure_latency(
            lambda first, stop: model.recommend(query.take(first, stop), _LISTED), len(query)
        ),
    }


def write_alignment_report(
    before: Views, after: Views, catalog: Catalog, folder: Path, *, seed: int = 0
) -> dict[str, Any]:
    """Write alignment.json and alignment.html where there are two views; return the measures."""
    aligned = {name: view for name, view in after.items() if name != FUSED}
    if len(aligned) < 2:
        return {}
    told = {
        name: [_finite(row) for row in view_agreement(_some(views, seed), seed=seed)]
        for name, views in (("before", before), ("after", aligned))
    }
    pictures = {}
    for row in _drawn(len(catalog), _PICTURED, seed):
        picture = sample_item(catalog, int(row)).picture
        if picture is not None:
            pictures[int(row)] = picture
    drawn = map_svg(aligned, titles=catalog.titles, pictures=pictures, seed=seed)
    folder.mkdir(parents=True, exist_ok=True)
    plain = json.dumps(told, indent=1, allow_nan=False)
    (folder / "alignment.json").write_text(plain, encoding="utf-8")
    write_alignment_page(told, drawn, folder / "alignment.html")
    return told


def _finite(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with None for what can't be told."""
    return {name: None if value != value else value for name, value in row.items()}


def _some(views: Views, seed: int) -> Views:
    count = len(next(iter(views.values())))
    rows = _drawn(count, _MEASURED, seed)
    return {name: view.take(rows) for name, view in views.items()}


def _drawn(count: int, most: int, seed: int) -> Ints:
    rows = np.random.default_rng(seed).permutation(count)[:most]
    return np.sort(rows)


def _encoded(done: Finished) -> list[EncodedView]:
    ids = done.loaded.dataset.catalog.ids
    told = []
    for name, view in done.views.items():
        problems = {ids[row]: problem._asdict() for row, problem in view.problems.items()}
        present = int(view.present.sum())
        encoder = done.bundle.parts.encoders[name]
        counts = (view.width, present, len(view) - present)
        told.append(EncodedView(name, type(encoder).__name__, *counts, problems, encoder.card()))
    return told


def _asked(evaluations: Mapping[str, Evaluation]) -> dict[str, dict[str, int]]:
    return {
        name: {"users": len(found.users), "without_train": found.without_train}
        for name, found in evaluations.items()
    }


def _report(
    done: Finished, evaluations: Mapping[str, Evaluation], cost: Times, *, aligned: bool
) -> Report:
    bundle, loaded = done.bundle, done.loaded
    notes = ["The model was fitted on train alone; valid chose its settings and was not added."]
    if not done.trials:
        notes = ["The model was fitted on train alone; no settings were chosen on valid."]
    name = bundle.config.data.path.name
    return Report(
        data={"name": name, "hash": loaded.fingerprint, **loaded.validation.to_dict()},
        config=bundle.config.model_dump(mode="json"),
        versions=versions(),
        seconds=done.watch.seconds,
        peak_memory_mb=cost["peak_memory_mb"],
        cost=cost,
        asked=_asked(evaluations),
        metrics={"valid": {}} | {name: found.means for name, found in evaluations.items()},
        intervals={"test": bootstrap_intervals(evaluations["test"])},
        chosen=part_state.part_settings(bundle.parts.recommender),
        trials=done.trials,
        views=_encoded(done),
        notes=notes,
        aligned=aligned,
    )
