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

from polyrec.registry import lazy_classes

PARTS = {
    "concat": "polyrec.fuse.concat:Concat",
    "mean": "polyrec.fuse.mean:WeightedMean",
    "learned_mean": "polyrec.fuse.learned_mean:LearnedMean [torch]",
    "attention": "polyrec.fuse.attention:Attention [torch]",
    "gate": "polyrec.fuse.gate:Gate [torch]",
    "bilinear": "polyrec.fuse.bilinear:Bilinear [torch]",
    "bottleneck": "polyrec.fuse.bottleneck:Bottleneck [torch]",
    "experts_product": "polyrec.fuse.product_of_experts:ExpertsProduct [torch]",
    "experts_mixture": "polyrec.fuse.mixture_of_experts:ExpertsMixture [torch]",
}
__getattr__, __dir__ = lazy_classes(__name__, PARTS)
