"""A multimodal recommender system.

>>> import polyrec
>>> model = polyrec.recommend.EASE(l2=300)
"""

from typing import TYPE_CHECKING

from polyrec.lazy_exports import lazy_exports

if TYPE_CHECKING:  # imported when first used, so that `import polyrec` stays fast
    from polyrec import align as align
    from polyrec import artifact as artifact
    from polyrec import config as config
    from polyrec import contracts as contracts
    from polyrec import data as data
    from polyrec import datasets as datasets
    from polyrec import encode as encode
    from polyrec import errors as errors
    from polyrec import evaluate as evaluate
    from polyrec import explain as explain
    from polyrec import fuse as fuse
    from polyrec import pipeline as pipeline
    from polyrec import recommend as recommend
    from polyrec import tune as tune
    from polyrec import types as types
    from polyrec.artifact.bundle import Bundle as Bundle
    from polyrec.config.loader import read_config as read_config
    from polyrec.data.load import Dataset as Dataset
    from polyrec.pipeline.run import run as run
else:
    __all__, __getattr__, __dir__ = lazy_exports(__name__)

__version__ = "0.1.0"
