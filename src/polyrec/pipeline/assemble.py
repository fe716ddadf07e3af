"""Parts as a config asks for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from polyrec.config import Config, EncodeConfig, PartConfig, make_part, read_config
from polyrec.contracts import Recommender
from polyrec.data.catalog import FeatureRows
from polyrec.errors import ConfigError, nearest
from polyrec.evaluate.metrics import Metric
from polyrec.registry import find_class
from polyrec.types import Catalog, Raw

DEFAULT_ENCODERS = {"text": "lsa", "image": "descriptor", "audio": "spectral", "video": "motion"}
"""What reads content of a kind where the config names no encoder; given rows are taken as given."""


def read_checked(config: Config | str | Path) -> Config:
    """Return a config whose every part and metric is known to be right before work begins."""
    settings = config if isinstance(config, Config) else read_config(Path(config))
    for name, part in settings.encode.items():
        part_of("encode", part, settings, where=f"encode.{name}")
    for room in ("align", "fuse", "recommend"):
        part_of(room, getattr(settings, room), settings)
    for metric in (*settings.evaluate.metrics, settings.evaluate.select_by):
        Metric.parse(metric)
    return settings


def part_of(room: str, part: PartConfig, config: Config, *, where: str = "") -> Any:
    """Return a part from its settings; one with a seed, device or precision gets the run's."""
    shared = {"seed": config.seed, **config.engine.model_dump(include={"device", "precision"})}
    return make_part(find_class(room, part.use), part.settings, where=where or room, shared=shared)


def encoders_of(config: Config, catalog: Catalog) -> Mapping[str, EncodeConfig]:
    """Return view -> encoder: what the config names, or else each content's default."""
    if not config.encode:
        # rows may come from the config or from the reader: the content itself tells
        return {
            name: EncodeConfig(
                use="features" if isinstance(content, FeatureRows) else DEFAULT_ENCODERS[name]
            )
            for name, content in catalog.contents.items()
        }
    for name, part in config.encode.items():
        source = part.content or name
        if source not in catalog.contents:
            remedy = f"name it under data ({nearest(source, catalog.contents)})"
            raise ConfigError(f"encode.{name} has no content", received=source, remedy=remedy)
    return config.encode


def contents_of(config: Config, catalog: Catalog) -> dict[str, Sequence[Raw | None]]:
    """Return view -> the contents that its encoder reads."""
    named = encoders_of(config, catalog)
    return {name: catalog.content(part.content or name) for name, part in named.items()}


def make_recommender(config: Config, chosen: Mapping[str, Any]) -> Recommender:
    """Return the config's recommender; what the config leaves open is as `chosen`."""
    part = PartConfig(use=config.recommend.use, **{**chosen, **config.recommend.settings})
    model: Recommender = part_of("recommend", part, config)
    return model
