"""Nearest vectors and the top k."""

from typing import TYPE_CHECKING

from polyrec.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from polyrec.index.exact import ExactIndex as ExactIndex
    from polyrec.index.topk import top_k as top_k
else:
    __all__, __getattr__, __dir__ = lazy_exports(__name__)
