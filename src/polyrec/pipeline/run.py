"""The data's way on one page: encode, align, fuse, recommend, evaluate, bundle."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from polyrec.align.impute import Impute
from polyrec.artifact import part_state
from polyrec.artifact.bundle import Bundle, Parts, check_output_folder
from polyrec.artifact.feature_cache import FeatureCache
from polyrec.artifact.feature_pack import write_pack
from polyrec.compute.device import thread_limit
from polyrec.compute.sandbox import Sandbox
from polyrec.compute.stopwatch import Stopwatch
from polyrec.config import Config, make_part
from polyrec.contracts import Aligner, Encoder, Fuser, Recommender, TrainsEndToEnd
from polyrec.data.load import LoadedDataset, load_dataset
from polyrec.data.validation import Validation, finding
from polyrec.encode.run import Tally, Work, encode_contents, fill_cache, fit_encoder
from polyrec.errors import ConfigError, DataError
from polyrec.evaluate.grid_search import Trial, grid_search
from polyrec.evaluate.leakage_checks import check_fitted_parts, check_split
from polyrec.evaluate.protocols import Evaluation, evaluate_top_k, protocol_metrics
from polyrec.evaluate.quarantine import Quarantined, quarantined_contents
from polyrec.evaluate.robustness import EvalSetting, Row, evaluate_knockout, evaluate_missing
from polyrec.media.probe import iter_problems
from polyrec.pipeline.assemble import (
    contents_of,
    encoders_of,
    make_recommender,
    part_of,
    read_checked,
)
from polyrec.pipeline.report_files import Finished, write_alignment_report, write_summary
from polyrec.recommend.two_tower.end_to_end_inputs import learn_end_to_end
from polyrec.training.run_context import RunContext, use_run
from polyrec.types import FUSED, Dataset, Interactions, Learnable, Progress, Views, silent


@dataclass(frozen=True)
class Encoded:
    """What encoding found: per view its width and counts, and what could not be read."""

    counts: dict[str, dict[str, int]]
    quarantine: list[Quarantined]


def run(
    config: Config | str | Path,
    *,
    out: str | Path | None = None,
    given: LoadedDataset | None = None,
    progress: Progress = silent,
) -> Bundle:
    """Go the whole way (with `given` data) and return the bundle; with `out`, save it there."""
    settings = read_checked(config)
    if out is not None:
        check_output_folder(Path(out))
    watch = Stopwatch()
    with watch.stage("data"):
        loaded = given or load_dataset(settings.data, weights=settings.weights, seed=settings.seed)
        check_split(loaded.dataset.behaviour, settings)
    with _trainings(settings, loaded.fingerprint, out, progress):
        with watch.stage("encode"):
            encoders, views = encode(settings, loaded.dataset, progress=progress)
        bundle, trials = _learn(settings, loaded, encoders, views, watch, progress)
    if out is not None:
        with watch.stage("save"):
            bundle.save(Path(out))
        with watch.stage("evaluate"):
            found = evaluate(bundle, settings.evaluate.metrics, progress=progress)
        parts = encoders_of(settings, loaded.dataset.catalog).items()
        contents = {name: part.content or name for name, part in parts}
        write_summary(Finished(bundle, loaded, views, contents, trials, watch), found, Path(out))
    return bundle


@contextmanager
def _trainings(
    config: Config, fingerprint: str, out: str | Path | None, progress: Progress
) -> Iterator[None]:
    """Let trainings show their bars, and keep checkpoints beside the bundle to be until it is made.

    A run begun again takes them up; one with another config or other data is refused.
    """
    steps = config.engine.checkpoint_steps
    folder = None
    if steps and out is not None:
        folder = Path(out).with_name(f".{Path(out).name}.trainings")
    told = config.model_dump_json(exclude={"cache": True, "engine": {"threads", "workers"}})
    with use_run(
        RunContext(progress, folder, steps, sha256(f"{told}{fingerprint}".encode()).hexdigest())
    ):
        yield
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _learn(
    config: Config,
    loaded: LoadedDataset,
    encoders: Mapping[str, Encoder],
    views: Views,
    watch: Stopwatch,
    progress: Progress,
) -> tuple[Bundle, list[Trial]]:
    """Align, fuse, choose settings, fit; return the bundle and the settings that were tried."""
    dataset, train = loaded.dataset, loaded.dataset.train
    with watch.stage("align and fuse"):
        aligner, imputer, fuser, aligned = prepare(config, train, views)
    with watch.stage("choose settings"):
        trials = _choose(config, train, dataset.valid, aligned, progress)
    with watch.stage("fit"):
        model = make_recommender(config, trials[0].settings if trials else {})
        recommender = model.fit(train, aligned, valid=dataset.valid)
        parts = Parts(encoders, aligner, fuser, recommender, imputer)
        if isinstance(recommender, TrainsEndToEnd) and recommender.end_to_end:
            if config.align.impute is not None:
                raise ConfigError("imputed rows can't be trained end to end", remedy="drop impute")
            with _work(config, progress) as work:
                aligned = learn_end_to_end(
                    recommender, train, (views, aligned), parts=parts, work=work,
                    contents=contents_of(config, dataset.catalog),
                )  # fmt: skip
    bundle = Bundle(
        config=config,
        ids=dataset.catalog.ids,
        titles=dataset.catalog.titles,
        users=dataset.users,
        kinds=dataset.kinds,
        behaviour=dataset.behaviour,
        views=aligned,
        parts=parts,
        fingerprint=loaded.fingerprint,
        cards={name: encoder.card() for name, encoder in encoders.items()},
    )
    check_fitted_parts(bundle.parts.all_parts, bundle.behaviour)
    return bundle, trials


def prepare(
    config: Config, train: Interactions, views: Views
) -> tuple[Aligner, Aligner | None, Fuser, Views]:
    """Return the fitted aligner, imputer and fuser, and what they made of the views."""
    aligner = part_of("align", config.align, config).fit(views, train)
    aligned = dict(aligner.align(views))
    imputer = None
    if config.align.impute is not None:
        imputer = make_part(Impute, config.align.impute, where="align.impute").fit(aligned, train)
        aligned = dict(imputer.align(aligned))
    fuser = part_of("fuse", config.fuse, config).fit(aligned, train)
    if aligned:
        aligned[FUSED] = fuser.fuse(aligned)
    return aligner, imputer, fuser, aligned


def encode_all(
    config: Config | str | Path, *, pack: Path | None = None, progress: Progress = silent
) -> Encoded:
    """Fill the feature cache with a config's content, and return what was found.

    Memory stays flat, whatever the catalogue. With `pack`, the features are written there, too.
    """
    settings = read_checked(config)
    dataset = load_dataset(settings.data, weights=settings.weights, seed=settings.seed).dataset
    catalog = dataset.catalog
    found = Encoded({}, [])
    views, cards = {}, {}
    with _work(settings, progress) as work:
        for name, content, encoder in _fitted(settings, dataset, work):
            contents, stage = catalog.content(content), f"encode {name}"
            if pack is None:
                tally = fill_cache(encoder, contents, work, stage=stage)
            else:
                views[name] = encode_contents(encoder, contents, work, stage=stage)
                cards[name] = encoder.card()
                tally = Tally.of(views[name])
            found.counts[name] = {
                "width": encoder.width,
                "present": tally.present,
                "missing": tally.missing,
                "unreadable": len(tally.problems),
            }
            found.quarantine.extend(quarantined_contents(catalog, name, content, tally.problems))
    if pack is not None:
        write_pack(pack, catalog.ids, views, cards)
    return found


def encode(
    config: Config, dataset: Dataset | Learnable, *, progress: Progress = silent
) -> tuple[dict[str, Encoder], Views]:
    """Return the fitted encoders and what they made of the catalogue's content."""
    encoders: dict[str, Encoder] = {}
    views = {}
    with _work(config, progress) as work:
        for name, content, encoder in _fitted(config, dataset, work):
            contents = dataset.catalog.content(content)
            views[name] = encode_contents(encoder, contents, work, stage=f"encode {name}")
            encoders[name] = encoder
    return encoders, views


def _fitted(
    config: Config, dataset: Dataset | Learnable, work: Work
) -> Iterator[tuple[str, str, Encoder]]:
    """Yield each view's name, the content that it reads, and its encoder, fitted if it learns."""
    for name, part in encoders_of(config, dataset.catalog).items():
        content = part.content or name
        encoder = part_of("encode", part, config, where=f"encode.{name}")
        contents = dataset.catalog.content(content)
        fit_encoder(encoder, contents, dataset.train, work, stage=f"encode {name}")
        yield name, content, encoder


@contextmanager
def _work(config: Config, progress: Progress) -> Iterator[Work]:
    with (
        FeatureCache(config.cache) as cache,
        Sandbox(config.media) as sandbox,
        thread_limit(config.engine.threads),
    ):
        yield Work(sandbox, cache, config.engine.workers, progress)


def evaluate(
    bundle: Bundle,
    metrics: Sequence[str],
    *,
    protocol: str | None = None,
    progress: Progress = silent,
) -> dict[str, Evaluation]:
    """Return what the bundle reaches on valid (where there is one) and on test.

    `protocol` is the bundle's own, or compat. What leaks raises `DataError` or `FitError`.
    """
    own = bundle.config.evaluate.protocol
    if protocol not in (None, own, "compat"):
        remedy = f"it was made for {own}: run again with evaluate.protocol={protocol}"
        raise ConfigError("the bundle has another split", received=protocol, remedy=remedy)
    check_split(bundle.behaviour, bundle.config)
    check_fitted_parts(bundle.parts.all_parts, bundle.behaviour)
    asked = protocol_metrics(protocol or own, metrics)
    train = bundle.behaviour["train"]
    targets = {name: bundle.behaviour[name] for name in ("valid", "test")}
    model = bundle.parts.recommender
    found = {}
    for done, (name, target) in enumerate(targets.items()):
        progress("evaluate", done, len(targets))
        if len(target) or name == "test":
            found[name] = evaluate_top_k(model, train, target, asked, views=bundle.views)
    progress("evaluate", len(targets), len(targets))
    return found


def robustness(
    bundle: Bundle, protocol: str, metrics: Sequence[str], *, progress: Progress = silent
) -> list[Row]:
    """Return what a bundle's settings reach when modalities go missing or are knocked out.

    `protocol` is "missing" or "knockout" (`evaluate.robustness`). Fuser and recommender are fitted
    anew on what is left, with the settings that they have.
    """
    config, train = bundle.config, bundle.behaviour["train"]
    fitted = [0]

    def way(views: Views) -> Recommender:
        progress(f"fit without ({protocol})", fitted[0], 0)
        fitted[0] += 1
        fuser = part_of("fuse", config.fuse, config).fit(views, train)
        fused = {FUSED: fuser.fuse(views)} if views else {}
        settings = part_state.part_settings(bundle.parts.recommender)
        model: Recommender = type(bundle.parts.recommender)(**settings)
        model = model.fit(train, {**views, **fused}, valid=bundle.behaviour["valid"])
        return model

    exam = EvalSetting(train, bundle.behaviour["test"], metrics, bundle.views)
    protocols = {"missing": evaluate_missing, "knockout": evaluate_knockout}
    return protocols[protocol]({"bundle": way}, bundle.views, exam, seed=config.seed)


def align_report(
    config: Config | str | Path, folder: Path, *, progress: Progress = silent
) -> dict[str, Any]:
    """Return how well a config's views agree, before and after; write it as JSON and a page."""
    settings = read_checked(config)
    dataset = load_dataset(settings.data, weights=settings.weights, seed=settings.seed).dataset
    _, views = encode(settings, dataset, progress=progress)
    aligner = part_of("align", settings.align, settings).fit(views, dataset.train)
    told = write_alignment_report(views, aligner.align(views), dataset.catalog, folder)
    if not told:
        raise DataError("nothing to compare", received=list(views), remedy="give two views")
    return told


def check(config: Config | str | Path, *, progress: Progress = silent) -> Validation:
    """Return what is found in the data of a config: counts, oddities, media that can't be read."""
    settings = read_checked(config)
    loaded = load_dataset(settings.data, weights=settings.weights, seed=settings.seed)
    catalog = loaded.dataset.catalog
    found = []
    for kind in ("image", "audio", "video"):
        broken = []
        contents = catalog.contents.get(kind, ())
        for row, problem in enumerate(
            iter_problems(kind, contents, limits=settings.media, workers=settings.engine.workers)
        ):
            if problem is not None:
                broken.append(f"{catalog.ids[row]} ({problem})")
            progress(f"look at {kind}", row + 1, len(contents))
        remedy = "get complete copies; the content of such items counts as missing"
        found += finding("warning", f"{kind} files that can't be read", broken, remedy)
    return loaded.validation.with_findings(found)


def _choose(
    config: Config, train: Interactions, valid: Interactions, items: Views, progress: Progress
) -> list[Trial]:
    """Return the settings tried on valid, the best first; none where there is no valid."""
    if not len(valid):
        return []
    return grid_search(
        lambda settings: make_recommender(config, settings),
        (train, valid),
        items,
        by=config.evaluate.select_by,
        fixed=config.recommend.settings,
        progress=progress,
    )
