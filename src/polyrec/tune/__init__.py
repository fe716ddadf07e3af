"""Search the settings of a run that rank best on valid (extra `tune`); test is never read."""

from typing import TYPE_CHECKING

from polyrec.lazy_exports import lazy_exports
from polyrec.registry import load_object

if TYPE_CHECKING:
    from polyrec.tune.study import TuningResult as TuningResult
    from polyrec.tune.study import tune as tune
else:
    __all__, __getattr__, __dir__ = lazy_exports(__name__, load_object)
