"""Run a config from data to a saved bundle with its reports."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from polyrec.artifact.bundle import Bundle, check_output_folder
from polyrec.compute.progress import show_progress
from polyrec.compute.stopwatch import Stopwatch
from polyrec.config import Config
from polyrec.contracts import BasePart
from polyrec.data.load import Dataset, load_dataset
from polyrec.evaluate.leakage_checks import check_split
from polyrec.pipeline.assemble import ConfigSource, encoder_configs, validated_config
from polyrec.pipeline.baselines import choose_baselines, evaluate_baselines
from polyrec.pipeline.encoding import encode_dataset
from polyrec.pipeline.evaluation import evaluate_bundle
from polyrec.pipeline.fitting import fit_bundle
from polyrec.pipeline.report_files import RunOutputs, write_reports
from polyrec.pipeline.run_config import recommend_config, run_source
from polyrec.pipeline.size import leaves_model_open, size_findings, sized_config
from polyrec.training.run_context import RunContext, use_run
from polyrec.types import Progress


def run(
    source: Dataset | ConfigSource,
    *,
    settings: ConfigSource | None = None,
    recommend: str | Mapping[str, Any] | BasePart | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Bundle:
    """Return the bundle of a data set, or of a config and its data.

    `settings` are the sections of a config, without `data` for a data set; those of a dict take
    precedence over a config's own. `recommend` is the name of a model, whose settings are then
    chosen on valid, a dict of `use` and settings, or a part, which keeps all of its settings. With
    `out`, the bundle is saved there, with report.json, report.html and what else they show.
    `progress` is by default bars in a terminal and in Jupyter; `polyrec.types.silent` shows none.
    """
    config, data = run_source(source, settings)
    if recommend is not None:
        config = config.model_copy(update={"recommend": recommend_config(recommend)})
    config = validated_config(config)
    folder = None if out is None else Path(out)
    if folder is not None:
        check_output_folder(folder)
    with show_progress(progress) as shown:
        return _run(config, data, folder, shown)


def _run(config: Config, data: Dataset | None, folder: Path | None, progress: Progress) -> Bundle:
    watch = Stopwatch()
    with watch.stage("data"):
        data = data or load_dataset(config.data, weights=config.weights, seed=config.seed)
        check_split(data.behaviour, config)
    named, config = config, sized_config(config, len(data.catalog))
    findings = size_findings(named, len(data.catalog))
    data = replace(data, validation=data.validation.with_findings(findings))
    data.validation.log()
    with _run_context(config, data.fingerprint, folder, progress):
        with watch.stage("encode"):
            encoders, views = encode_dataset(config, data, progress=progress)
        baselines = []
        if folder is not None or leaves_model_open(config):
            with watch.stage("baselines"):
                baselines = choose_baselines(config, data.behaviour, progress=progress)
        bundle, trials = fit_bundle(
            config, data, (encoders, views), baselines=baselines, watch=watch, progress=progress
        )
    if folder is not None:
        with watch.stage("save"):
            bundle.save(folder)
        with watch.stage("evaluate"):
            evaluations = evaluate_bundle(bundle, config.evaluate.metrics, progress=progress)
            compared = evaluate_baselines(bundle, baselines, evaluations["test"], progress=progress)
        parts = encoder_configs(config, data.catalog).items()
        contents = {view: part.content or view for view, part in parts}
        outputs = RunOutputs(config, bundle, data, views, contents, trials, compared, watch)
        write_reports(outputs, evaluations, folder)
    return bundle


@contextmanager
def _run_context(
    config: Config, fingerprint: str, folder: Path | None, progress: Progress
) -> Iterator[None]:
    """Show the progress of every training inside, and keep checkpoints until the bundle is made.

    They lie beside the bundle. A run that is started again resumes from them; checkpoints of
    another config or other data are refused.
    """
    steps = config.engine.checkpoint_steps
    checkpoints = None
    if steps and folder is not None:
        checkpoints = folder.with_name(f".{folder.name}.trainings")
    settings = config.model_dump_json(exclude={"cache": True, "engine": {"threads", "workers"}})
    identity = sha256(f"{settings}{fingerprint}".encode()).hexdigest()
    with use_run(RunContext(progress, checkpoints, steps, identity)):
        yield
    if checkpoints is not None:
        shutil.rmtree(checkpoints, ignore_errors=True)
