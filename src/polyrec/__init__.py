"""A recommender for items that are seen, heard and read.

>>> import polyrec
>>> model = polyrec.recommend.EASE(l2=300)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polyrec.artifact.bundle import Bundle as Bundle
    from polyrec.pipeline.run import run as run

__version__ = "0.1.0"

_ROOMS = ("align", "bundle", "data", "encode", "errors", "evaluate", "fuse", "recommend", "types")
_NAMES = {"run": "polyrec.pipeline.run", "Bundle": "polyrec.artifact.bundle"}


def __getattr__(name: str) -> Any:
    # loaded when first asked for: `import polyrec` stays light
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"polyrec.{name}")
    raise AttributeError(f"module 'polyrec' has no attribute {name!r}")
