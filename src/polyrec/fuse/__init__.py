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
| product_of_experts | precision-weighted; tells its uncertainty (extra `torch`) |
| mixture_of_experts | an expert per view, and a gate (extra `torch`) |
"""

from typing import TYPE_CHECKING

from polyrec.registry import lazy_parts

if TYPE_CHECKING:  # the parts of this room, each named by its module; read by `lazy_parts`
    from polyrec.fuse.attention import Attention as Attention
    from polyrec.fuse.bilinear import Bilinear as Bilinear
    from polyrec.fuse.bottleneck import Bottleneck as Bottleneck
    from polyrec.fuse.concat import Concat as Concat
    from polyrec.fuse.gate import Gate as Gate
    from polyrec.fuse.learned_mean import LearnedMean as LearnedMean
    from polyrec.fuse.mean import WeightedMean as WeightedMean
    from polyrec.fuse.mixture_of_experts import MixtureOfExperts as MixtureOfExperts
    from polyrec.fuse.product_of_experts import ProductOfExperts as ProductOfExperts
else:
    PARTS, __all__, __getattr__, __dir__ = lazy_parts(__name__)
