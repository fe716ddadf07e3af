"""Fit the parts behind the encoders: align, fuse, choose settings on valid, recommend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from polyrec.align.impute import Impute
from polyrec.artifact.bundle import Bundle
from polyrec.artifact.parts import Parts
from polyrec.compute.stopwatch import Stopwatch
from polyrec.config import Config, RecommendConfig, make_part
from polyrec.contracts import Aligner, Encoder, Fuser, TrainsEndToEnd
from polyrec.data.load import Dataset
from polyrec.errors import ConfigError
from polyrec.evaluate.grid_search import Trial, grid_search
from polyrec.evaluate.leakage_checks import check_fitted_parts
from polyrec.evaluate.next_item import Criterion
from polyrec.pipeline.assemble import build_part, build_recommender, search_texts, view_contents
from polyrec.pipeline.baselines import Baseline, better_baseline
from polyrec.pipeline.encoding import open_encode_context
from polyrec.pipeline.size import leaves_model_open
from polyrec.recommend.two_tower.end_to_end_inputs import learn_end_to_end
from polyrec.types import FUSED, Interactions, Learnable, Progress, Views


class AlignedAndFused(NamedTuple):
    """The parts between encoders and recommender, fitted, and the views that they make."""

    aligner: Aligner
    imputer: Aligner | None
    fuser: Fuser
    views: Views  # aligned, imputed, and FUSED


def fit_bundle(
    config: Config,
    dataset: Dataset,
    encoded: tuple[Mapping[str, Encoder], Views],
    *,
    baselines: Sequence[Baseline] = (),
    watch: Stopwatch,
    progress: Progress,
) -> tuple[Bundle, list[Trial]]:
    """Return the bundle of `encoded` (encoders, views), and the settings tried on valid."""
    encoders, views = encoded
    with watch.stage("align and fuse"):
        fused = align_and_fuse(config, dataset.train, views)
    with watch.stage("choose settings"):
        config, trials = choose_model(config, dataset, fused.views, baselines, progress=progress)
    with watch.stage("fit"):
        model = build_recommender(config, trials[0].settings if trials else {})
        recommender = model.fit(dataset.train, fused.views, valid=dataset.valid)
        parts = Parts(encoders, fused.aligner, fused.fuser, recommender, fused.imputer)
        aligned = fused.views
        if isinstance(recommender, TrainsEndToEnd) and recommender.end_to_end:
            aligned = _fit_end_to_end(
                config, dataset, (views, aligned), recommender, parts, progress
            )
    bundle = Bundle(
        config=config,
        ids=dataset.catalog.ids,
        titles=dataset.catalog.titles,
        users=dataset.users,
        kinds=dataset.kinds,
        behaviour=dataset.behaviour,
        views=aligned,
        parts=parts,
        fingerprint=dataset.fingerprint,
        texts=search_texts(dataset.catalog),
        cards={view: encoder.card() for view, encoder in encoders.items()},
        metadata=dataset.catalog.metadata,
        user_labels=dataset.user_labels,
        catalog=dataset.catalog,
    )
    check_fitted_parts(bundle.parts.all_parts, bundle.behaviour)
    return bundle, trials


def align_and_fuse(config: Config, train: Interactions, views: Views) -> AlignedAndFused:
    """Fit the config's aligner, imputer and fuser on encoded views, and apply them."""
    aligner = build_part("align", config.align, config).fit(views, train)
    aligned = dict(aligner.align(views))
    imputer = None
    if config.align.impute is not None:
        imputer = make_part(Impute, config.align.impute, where="align.impute").fit(aligned, train)
        aligned = dict(imputer.align(aligned))
    fuser = build_part("fuse", config.fuse, config).fit(aligned, train)
    if aligned:
        aligned[FUSED] = fuser.fuse(aligned)
    return AlignedAndFused(aligner, imputer, fuser, aligned)


def choose_model(
    config: Config,
    data: Dataset | Learnable,
    items: Views,
    baselines: Sequence[Baseline],
    *,
    progress: Progress,
) -> tuple[Config, list[Trial]]:
    """Return the config of the model that ranks valid best, and its settings, the best first.

    Where the config names no recommender, a baseline that is better than the default takes its
    place. Without valid events nothing is tried.
    """
    if not len(data.valid):
        return config, []
    trials = grid_search(
        lambda settings: build_recommender(config, settings),
        (data.train, data.valid),
        items,
        by=Criterion(config.evaluate.select_by, config.evaluate.protocol),
        fixed=config.recommend.settings,
        progress=progress,
    )
    better = better_baseline(baselines, trials) if leaves_model_open(config) else None
    if better is None:
        return config, trials
    named = RecommendConfig(use=better.name)
    return config.model_copy(update={"recommend": named}), list(better.trials)


def _fit_end_to_end(
    config: Config,
    dataset: Dataset,
    views: tuple[Views, Views],
    recommender: TrainsEndToEnd,
    parts: Parts,
    progress: Progress,
) -> Views:
    """Train encoders, fuser and recommender as one network; return the views that it makes."""
    if config.align.impute is not None:
        raise ConfigError(
            "imputed rows can't be trained end to end",
            received="align.impute",
            remedy="leave align.impute out",
        )
    with open_encode_context(config, progress) as context:
        return learn_end_to_end(
            recommender,
            dataset.train,
            views,
            parts=parts,
            context=context,
            contents=view_contents(config, dataset.catalog),
        )
