"""Join the views of an item into one vector.

| fuser | what it does |
|---|---|
| concat | puts the views side by side |
| mean | averages views of one width, with weights |
| learned_mean | averages projected views, weights learned on the simplex (extra `torch`) |
| attention | softmax attention over an item's views (extra `torch`) |
| gate | gated multimodal units (extra `torch`) |
| bilinear | low-rank products between views (extra `torch`) |
| bottleneck | a Transformer with bottleneck tokens (extra `torch`) |
| experts_product | precision-weighted; tells its uncertainty (extra `torch`) |
| experts_mixture | an expert per view, and a gate (extra `torch`) |
"""

from polyrec.registry import lazy

PARTS = {
    "concat": "polyrec.fuse.concat:Concat",
    "mean": "polyrec.fuse.mean:WeightedMean",
    "learned_mean": "polyrec.fuse.learned_mean:LearnedMean",
    "attention": "polyrec.fuse.attention:Attention",
    "gate": "polyrec.fuse.gate:Gate",
    "bilinear": "polyrec.fuse.bilinear:Bilinear",
    "bottleneck": "polyrec.fuse.bottleneck:Bottleneck",
    "experts_product": "polyrec.fuse.product_of_experts:ExpertsProduct",
    "experts_mixture": "polyrec.fuse.mixture_of_experts:ExpertsMixture",
}
EXTRAS = dict.fromkeys(PARTS.keys() - {"concat", "mean"}, "torch")
__getattr__ = lazy(__name__, PARTS, EXTRAS)
