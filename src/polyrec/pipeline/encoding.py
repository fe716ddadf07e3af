"""Encode the content of a config's items: into views, or into the feature cache."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from polyrec.artifact.feature_cache import FeatureCache
from polyrec.artifact.feature_pack import write_pack
from polyrec.compute.device import thread_limit
from polyrec.compute.progress import show_progress
from polyrec.compute.sandbox import Sandbox
from polyrec.config import Config
from polyrec.contracts import Encoder
from polyrec.data.load import Dataset, load_dataset
from polyrec.encode.run import EncodeContext, Tally, encode_contents, fill_cache, fit_encoder
from polyrec.errors import DataError
from polyrec.evaluate.quarantine import Quarantined, quarantined_contents
from polyrec.pipeline.assemble import ConfigSource, build_part, encoder_configs, validated_config
from polyrec.types import Learnable, Link, Problem, Progress, Raw, Views, silent

_FILES = (Path, Link, Problem)


@dataclass(frozen=True)
class EncodingSummary:
    """Per view its width and its counts of items, and every content that could not be read."""

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    quarantine: list[Quarantined] = field(default_factory=list)


def encode_dataset(
    config: Config, dataset: Dataset | Learnable, *, progress: Progress = silent
) -> tuple[dict[str, Encoder], Views]:
    """Return the fitted encoders and the views that they make of the items' content."""
    encoders: dict[str, Encoder] = {}
    views = {}
    with open_encode_context(config, progress) as context:
        for view, content, encoder in _fitted_encoders(config, dataset, context):
            contents = dataset.catalog.content(content)
            views[view] = encode_contents(encoder, contents, context, stage=f"encode {view}")
            encoders[view] = encoder
            _check_unreadable(content, contents, views[view].problems, config)
    return encoders, views


def _check_unreadable(
    content: str, contents: Sequence[Raw | None], problems: Mapping[int, Problem], config: Config
) -> None:
    """Raise `DataError` if more media files than `data.max_missing.media` can't be read."""
    unreadable = [row for row in problems if isinstance(contents[row], _FILES)]
    if not unreadable:
        return
    total = sum(isinstance(raw, _FILES) for raw in contents)
    if len(unreadable) > config.data.max_missing.media * total:
        reasons = Counter(str(problems[row]) for row in unreadable)
        reason, count = reasons.most_common(1)[0]
        raise DataError(
            f"{len(unreadable):,} of {total:,} {content} files can't be read",
            received=f"{count:,} times {reason}",
            remedy="get complete copies; data.max_missing.media is the share that may be missing",
        )


def fill_feature_cache(
    config: ConfigSource, *, pack: Path | None = None, progress: Progress | None = None
) -> EncodingSummary:
    """Encode all content of a config into the feature cache; return counts and a quarantine list.

    Memory does not grow with the catalogue. With `pack`, the views are held and written there, too.
    """
    config = validated_config(config)
    dataset = load_dataset(config.data, weights=config.weights, seed=config.seed)
    catalog = dataset.catalog
    summary = EncodingSummary()
    views, cards = {}, {}
    with show_progress(progress) as shown, open_encode_context(config, shown) as context:
        for view, content, encoder in _fitted_encoders(config, dataset, context):
            contents, stage = catalog.content(content), f"encode {view}"
            if pack is None:
                tally = fill_cache(encoder, contents, context, stage=stage)
            else:
                views[view] = encode_contents(encoder, contents, context, stage=stage)
                cards[view] = encoder.card()
                tally = Tally.of(views[view])
            summary.counts[view] = {
                "width": encoder.width,
                "present": tally.present,
                "missing": tally.missing,
                "unreadable": len(tally.problems),
            }
            summary.quarantine.extend(quarantined_contents(catalog, view, content, tally.problems))
    if pack is not None:
        write_pack(pack, catalog.ids, views, cards)
    return summary


@contextmanager
def open_encode_context(config: Config, progress: Progress) -> Iterator[EncodeContext]:
    """Open what encoding needs: the feature cache, decoding processes, the number of threads."""
    with (
        FeatureCache(config.cache) as cache,
        Sandbox(config.media) as sandbox,
        thread_limit(config.engine.threads),
    ):
        yield EncodeContext(sandbox, cache, config.engine.workers, progress)


def _fitted_encoders(
    config: Config, dataset: Dataset | Learnable, context: EncodeContext
) -> Iterator[tuple[str, str, Encoder]]:
    """Yield each view, the content that it is made of, and its encoder, fitted if it learns."""
    for view, part in encoder_configs(config, dataset.catalog).items():
        content = part.content or view
        encoder = build_part("encode", part, config, where=f"encode.{view}")
        contents = dataset.catalog.content(content)
        fit_encoder(encoder, contents, dataset.train, context, stage=f"encode {view}")
        yield view, content, encoder
