"""The data's way on one page: config -> data -> encode -> align -> fuse -> recommend -> bundle."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polyrec.bundle import Bundle, Parts
from polyrec.config import Config, EncodeConfig, PartConfig, fields_of, make, read
from polyrec.data.load import Loaded, load
from polyrec.encode.run import encode_contents
from polyrec.errors import ConfigError
from polyrec.evaluate.protocols import Evaluation, compat
from polyrec.evaluate.report import Encoded, Report, write_report
from polyrec.evaluate.select import Trial, select
from polyrec.registry import find
from polyrec.store.features import FeatureCache
from polyrec.types import FUSED, Catalog, Dataset, Encoder, Part, Progress, Views, silent

DEFAULT_ENCODERS = {
    "text": "lsa",
    "image": "descriptor",
    "audio": "spectral",
    "video": "motion",
}
"""What reads a kind of content where the config names no encoder; given rows need none."""


@dataclass
class Stages:
    """Seconds per stage of a run."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage."""
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def run(
    config: Config | str | Path,
    *,
    out: str | Path | None = None,
    progress: Progress = silent,
) -> Bundle:
    """Go the whole way and return the bundle; with `out`, save it there with its report."""
    settings = read(Path(config)) if isinstance(config, str | Path) else config
    check_parts(settings)
    stages = Stages()
    with stages.stage("data"):
        loaded = read_data(settings)
    dataset = loaded.dataset
    with stages.stage("encode"):
        encoders, views, encoded = encode(settings, dataset, progress=progress)
    with stages.stage("align"):
        aligner = _part("align", settings.align, settings.seed).fit(views, dataset.train)
        aligned = dict(aligner.align(views))
    with stages.stage("fuse"):
        fuser = _part("fuse", settings.fuse, settings.seed).fit(aligned, dataset.train)
        if aligned:
            aligned[FUSED] = fuser.fuse(aligned)
    with stages.stage("choose settings"):
        trials = choose(settings, dataset, aligned, progress=progress)
    with stages.stage("fit"):
        best = trials[0].settings if trials else {}
        recommender = _recommender(settings, best).fit(dataset.train, aligned)
    bundle = Bundle(
        config=settings,
        ids=dataset.catalog.ids,
        titles=dataset.catalog.titles,
        users=dataset.users,
        kinds=dataset.kinds,
        behaviour={"train": dataset.train, "valid": dataset.valid, "test": dataset.test},
        views=aligned,
        parts=Parts(encoders, aligner, fuser, recommender),
        fingerprint=loaded.fingerprint,
    )
    with stages.stage("evaluate"):
        evaluations = evaluate(bundle, progress=progress)
    if out is not None:
        folder = bundle.save(Path(out))
        report = Report.of(
            settings, loaded.validation.to_dict(), loaded.fingerprint, evaluations, encoded
        )
        write_report(report, folder, bundle, dataset.catalog, stages.seconds, trials)
    return bundle
