"""Bring views into one space or form.

| aligner | what it does |
|---|---|
| identity | leaves them as they are |
| whiten | centres each, unit covariance (PCA or ZCA); views of one space stay comparable |
| linear | ridge regression onto an anchor view |
| procrustes | rotation onto an anchor view |
| cca | the directions that views share; any number of views |
| sinkhorn | optimal transport and rotation, for catalogues paired in part or not at all |
| infonce | projection heads, symmetric InfoNCE (extra `torch`) |
| uniform | projection heads, alignment and uniformity (extra `torch`) |
| cosine | the shared space of cca, each row weighted by its cosine to an anchor view |
| impute | fills in the views that items lack: by ridge, cca, behaviour, mean or zero |
| behaviour | content regressed on the items' behaviour factors |
"""

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
