"""The settings of a run: their schema, how a file is read, how a part is made from them."""

from polyrec.config.loader import parse_config, read_config
from polyrec.config.make import make_part, validate_settings
from polyrec.config.schema import (
    PRESETS,
    AlignConfig,
    Config,
    DataConfig,
    EncodeConfig,
    EvaluateConfig,
    FuseConfig,
    Limits,
    MinEvents,
    PartConfig,
    Range,
    RecommendConfig,
    SplitConfig,
    as_range,
)

__all__ = [
    "PRESETS",
    "AlignConfig",
    "Config",
    "DataConfig",
    "EncodeConfig",
    "EvaluateConfig",
    "FuseConfig",
    "Limits",
    "MinEvents",
    "PartConfig",
    "Range",
    "RecommendConfig",
    "SplitConfig",
    "as_range",
    "make_part",
    "parse_config",
    "read_config",
    "validate_settings",
]
