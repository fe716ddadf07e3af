"""Bring views into one space or form: docs/parts.md lists the aligners."""

from typing import TYPE_CHECKING

from polyrec.registry import lazy_parts

if TYPE_CHECKING:  # the parts of this room, each named by its module; read by `lazy_parts`
    from polyrec.align.behaviour import BehaviourGuided as BehaviourGuided
    from polyrec.align.cca import CCA as CCA
    from polyrec.align.cosine import CosineWeighted as CosineWeighted
    from polyrec.align.identity import Identity as Identity
    from polyrec.align.impute import Impute as Impute
    from polyrec.align.infonce import InfoNCE as InfoNCE
    from polyrec.align.linear import LinearMap as LinearMap
    from polyrec.align.procrustes import Procrustes as Procrustes
    from polyrec.align.sinkhorn import SinkhornOT as SinkhornOT
    from polyrec.align.uniform import AlignUniform as AlignUniform
    from polyrec.align.whiten import Whiten as Whiten
else:
    PARTS, __all__, __getattr__, __dir__ = lazy_parts(__name__)
