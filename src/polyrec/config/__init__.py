"""The settings of a run: their schema, how a file is read, how a part is made from them."""

from typing import TYPE_CHECKING

from polyrec.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from polyrec.config.data import EVERY_FILE as EVERY_FILE
    from polyrec.config.data import IN_MEMORY as IN_MEMORY
    from polyrec.config.data import DataConfig as DataConfig
    from polyrec.config.data import DialectConfig as DialectConfig
    from polyrec.config.data import MaxMissing as MaxMissing
    from polyrec.config.data import MinEvents as MinEvents
    from polyrec.config.data import SplitConfig as SplitConfig
    from polyrec.config.language_model import LanguageModelConfig as LanguageModelConfig
    from polyrec.config.language_model import read_language_model as read_language_model
    from polyrec.config.loader import parse_config as parse_config
    from polyrec.config.loader import read_config as read_config
    from polyrec.config.make import make_part as make_part
    from polyrec.config.make import validate_settings as validate_settings
    from polyrec.config.schema import PRESETS as PRESETS
    from polyrec.config.schema import AlignConfig as AlignConfig
    from polyrec.config.schema import Config as Config
    from polyrec.config.schema import EncodeConfig as EncodeConfig
    from polyrec.config.schema import EvaluateConfig as EvaluateConfig
    from polyrec.config.schema import FuseConfig as FuseConfig
    from polyrec.config.schema import Limits as Limits
    from polyrec.config.schema import PartConfig as PartConfig
    from polyrec.config.schema import Range as Range
    from polyrec.config.schema import RecommendConfig as RecommendConfig
    from polyrec.config.schema import as_range as as_range
else:
    __all__, __getattr__, __dir__ = lazy_exports(__name__)
