"""Join the views of an item into one vector: docs/parts.md lists the fusers."""

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
