"""The config of a run: of files, or of a data set in memory with settings of Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polyrec.artifact.part_state import part_settings
from polyrec.config import Config, RecommendConfig, parse_config, validate_settings
from polyrec.contracts import BasePart
from polyrec.data.load import Dataset
from polyrec.errors import ConfigError
from polyrec.pipeline.assemble import ConfigSource, validated_config
from polyrec.registry import short_name


def run_source(
    source: Dataset | ConfigSource, settings: ConfigSource | None
) -> tuple[Config, Dataset | None]:
    """Return the config of a run, and its data set if it is in memory."""
    if isinstance(source, Dataset):
        return validated_config(dataset_config(source, settings)), source
    return merged_config(source, settings), None


def merged_config(source: ConfigSource, settings: ConfigSource | None) -> Config:
    """Return a config whose sections are replaced by those of a dict of settings."""
    if settings is None:
        return validated_config(source)
    if not isinstance(settings, Mapping):
        remedy = "give a dict of sections, or the config alone"
        raise ConfigError("two configs", received=type(settings).__name__, remedy=remedy)
    if isinstance(source, Mapping):
        return validated_config({**source, **settings})
    tree = validated_config(source).model_dump(exclude_unset=True)
    return validated_config({**tree, **settings})


def dataset_config(dataset: Dataset, settings: ConfigSource | None) -> Config:
    """Return the config of a run on a data set; its own `data` section says how it was loaded."""
    if isinstance(settings, Config):
        return settings
    if dataset.config is None:
        remedy = "make it with Dataset.from_frames, or give settings= a Config"
        raise ConfigError("the data set has no data settings", remedy=remedy)
    tree = settings or {}
    if not isinstance(tree, Mapping):
        tree = validated_config(tree).model_dump(exclude_unset=True, exclude={"data", "preset"})
    for name in ("data", "preset"):
        if name in tree:
            remedy = "give it to Dataset.from_frames"
            raise ConfigError(f"settings[{name!r}] belongs to the data set", remedy=remedy)
    data = dataset.config.model_dump()
    config = parse_config({"seed": dataset.seed, **tree, "data": data}, folder=Path())
    own, needed = dataset.config.split.use, config.data.split.use
    if own != needed:
        received = f"split={own!r}, evaluate.protocol {config.evaluate.protocol!r}"
        remedy = f"give Dataset.from_frames split={needed!r}"
        raise ConfigError("the data set has another split", received=received, remedy=remedy)
    if needed == "new_items" and config.seed != dataset.seed:  # the new items are drawn again
        received = f"seed={dataset.seed}, settings['seed'] {config.seed}"
        remedy = f"give Dataset.from_frames seed={config.seed}"
        raise ConfigError("the data set was split by another seed", received=received,
                          remedy=remedy)  # fmt: skip
    return config


def recommend_config(recommend: str | Mapping[str, Any] | BasePart) -> RecommendConfig:
    """Return the `recommend` section of a name, of a dict, or of a part with all its settings."""
    if isinstance(recommend, BasePart):
        use = short_name("recommend", recommend)
        return RecommendConfig(use=use, **part_settings(recommend))
    tree = {"use": recommend} if isinstance(recommend, str) else recommend
    section: RecommendConfig = validate_settings(RecommendConfig, tree, where="recommend")
    return section
