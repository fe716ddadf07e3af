"""Check a config's data, and how well its modalities agree, without fitting a recommender."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from polyrec.compute.progress import show_progress
from polyrec.config import Config
from polyrec.data.load import load_dataset
from polyrec.data.validation import Validation, finding_for
from polyrec.errors import DataError
from polyrec.media.probe import iter_problems
from polyrec.pipeline.assemble import ConfigSource, build_part, validated_config
from polyrec.pipeline.encoding import encode_dataset
from polyrec.pipeline.report_files import write_alignment_report
from polyrec.pipeline.size import size_findings
from polyrec.types import Catalog, Finding, FindingLevel, Progress


def check_data(config: ConfigSource, *, progress: Progress | None = None) -> Validation:
    """Return the counts of a config's data and its findings; every media file is decoded."""
    config = validated_config(config)
    data = load_dataset(config.data, weights=config.weights, seed=config.seed)
    with show_progress(progress) as shown:
        findings = size_findings(config, len(data.catalog))
        findings += _media_findings(config, data.catalog, shown)
        return data.validation.with_findings(findings)


def _media_findings(config: Config, catalog: Catalog, progress: Progress) -> list[Finding]:
    findings = []
    for kind in ("image", "audio", "video"):
        unreadable = []
        contents = catalog.contents.get(kind, ())
        problems = iter_problems(kind, contents, limits=config.media, workers=config.engine.workers)
        for row, problem in enumerate(problems):
            if problem is not None:
                unreadable.append(f"{catalog.ids[row]} ({problem})")
            progress(f"decode {kind}", row + 1, len(contents))
        remedy = "get complete copies; the content of such items counts as missing"
        total = sum(raw is not None for raw in contents)
        is_error = len(unreadable) > config.data.max_missing.media * total
        level: FindingLevel = "error" if is_error else "warning"
        findings += finding_for(level, f"{kind} files that can't be read", unreadable, remedy)
    return findings


def report_alignment(
    config: ConfigSource, folder: Path, *, progress: Progress | None = None
) -> dict[str, Any]:
    """Return how well a config's views agree before and after alignment.

    The same is written to `folder` as alignment.json and alignment.html.
    """
    config = validated_config(config)
    dataset = load_dataset(config.data, weights=config.weights, seed=config.seed)
    with show_progress(progress) as shown:
        _, views = encode_dataset(config, dataset, progress=shown)
    aligner = build_part("align", config.align, config).fit(views, dataset.train)
    measures = write_alignment_report(views, aligner.align(views), dataset.catalog, folder)
    if not measures:
        raise DataError("nothing to compare", received=list(views), remedy="give two views")
    return measures
