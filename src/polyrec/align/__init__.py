"""Bring views into one space or form.

| aligner | what it does |
|---|---|
| none | leaves them as they are |
| whiten | centres each, unit covariance (PCA or ZCA); views of one space stay comparable |
| linear | ridge regression onto an anchor view |
| procrustes | rotation onto an anchor view |
| cca | the directions that views share; any number of views |
| sinkhorn | optimal transport and rotation, for catalogues paired in part or not at all |
| infonce | projection heads, symmetric InfoNCE (extra `torch`) |
| uniform | projection heads, alignment and uniformity (extra `torch`) |
| cosine | the shared space of cca, each row as long as it agrees with an anchor |
| impute | fills in the views that items lack: by ridge, behaviour, mean or zero |
| behaviour | content regressed on the items' behaviour factors |
"""

from polyrec.registry import lazy_classes

PARTS = {
    "none": "polyrec.align.identity:NoAlignment",
    "whiten": "polyrec.align.whiten:Whiten",
    "linear": "polyrec.align.linear:LinearMap",
    "procrustes": "polyrec.align.procrustes:Procrustes",
    "cca": "polyrec.align.cca:CCA",
    "sinkhorn": "polyrec.align.sinkhorn:SinkhornOT",
    "infonce": "polyrec.align.infonce:InfoNCE [torch]",
    "uniform": "polyrec.align.uniform:AlignUniform [torch]",
    "cosine": "polyrec.align.cosine:CosineWeighted",
    "impute": "polyrec.align.impute:Impute",
    "behaviour": "polyrec.align.behaviour:BehaviourGuided",
}
__getattr__, __dir__ = lazy_classes(__name__, PARTS)
