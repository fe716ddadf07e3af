"""Build the parts that a config names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias, overload

from polyrec.config import Config, EncodeConfig, PartConfig, make_part, parse_config, read_config
from polyrec.contracts import Aligner, Encoder, Fuser, Recommender
from polyrec.errors import ConfigError, nearest
from polyrec.evaluate.metrics import Metric
from polyrec.pipeline.default_encoders import default_encoder, plain_text
from polyrec.registry import find_class
from polyrec.types import Catalog, Raw

ConfigSource: TypeAlias = Config | Mapping[str, Any] | str | Path
"""A config, the same as a mapping (paths are relative to the working directory), or its file."""


def validated_config(config: ConfigSource) -> Config:
    """Return a config whose every part and metric is known to be valid."""
    if isinstance(config, Mapping):
        settings = parse_config(config, folder=Path())
    else:
        settings = config if isinstance(config, Config) else read_config(Path(config))
    for view, part in settings.encode.items():
        build_part("encode", part, settings, where=f"encode.{view}")
    build_part("align", settings.align, settings)
    build_part("fuse", settings.fuse, settings)
    build_part("recommend", settings.recommend, settings)
    for metric in (*settings.evaluate.metrics, settings.evaluate.select_by):
        Metric.parse(metric)
    return settings


@overload
def build_part(
    room: Literal["encode"], part: PartConfig, config: Config, *, where: str = ...
) -> Encoder: ...
@overload
def build_part(
    room: Literal["align"], part: PartConfig, config: Config, *, where: str = ...
) -> Aligner: ...
@overload
def build_part(
    room: Literal["fuse"], part: PartConfig, config: Config, *, where: str = ...
) -> Fuser: ...
@overload
def build_part(
    room: Literal["recommend"], part: PartConfig, config: Config, *, where: str = ...
) -> Recommender: ...
def build_part(room: str, part: PartConfig, config: Config, *, where: str = "") -> object:
    """Return a part from its settings.

    Seed, device and precision are those of the run unless the part sets its own. `where` is the
    part's place in the config, for errors; by default the room.
    """
    shared = {"seed": config.seed, **config.engine.model_dump(include={"device", "precision"})}
    cls = find_class(room, part.use)
    return make_part(cls, part.settings, where=where or room, shared=shared)


def build_recommender(config: Config, chosen: Mapping[str, Any]) -> Recommender:
    """Return the config's recommender; settings that the config leaves open are as `chosen`."""
    part = PartConfig(use=config.recommend.use, **{**chosen, **config.recommend.settings})
    return build_part("recommend", part, config)


def encoder_configs(config: Config, catalog: Catalog) -> Mapping[str, EncodeConfig]:
    """Return view -> encoder: as the config says, or else the default for each content."""
    if not config.encode:
        return {name: default_encoder(name, content) for name, content in catalog.contents.items()}
    for view, part in config.encode.items():
        source = part.content or view
        if source not in catalog.contents:
            remedy = f"name it under data ({nearest(source, catalog.contents)})"
            raise ConfigError(f"encode.{view} has no content", received=source, remedy=remedy)
    return config.encode


def view_contents(config: Config, catalog: Catalog) -> dict[str, Sequence[Raw | None]]:
    """Return view -> the contents that its encoder reads."""
    parts = encoder_configs(config, catalog)
    return {view: catalog.content(part.content or view) for view, part in parts.items()}


def search_texts(catalog: Catalog) -> tuple[str, ...]:
    """Return the items' texts, clean, for search by words; empty if no item has any.

    Texts behind links are not fetched again.
    """
    texts = tuple(map(plain_text, catalog.content("text")))
    return texts if any(texts) else ()
