"""Learn from behaviour and content; score and rank items: docs/parts.md lists the recommenders."""

from typing import TYPE_CHECKING

from polyrec.registry import lazy_parts

if TYPE_CHECKING:  # the parts of this room, each named by its module; read by `lazy_parts`
    from polyrec.recommend.autoencoder.multi_dae import MultiDAE as MultiDAE
    from polyrec.recommend.autoencoder.multi_vae import MultiVAE as MultiVAE
    from polyrec.recommend.autoencoder.multimodal_dae import MultimodalDAE as MultimodalDAE
    from polyrec.recommend.ensemble.blend import Blend as Blend
    from polyrec.recommend.factors.als import ALS as ALS
    from polyrec.recommend.factors.bpr import BPR as BPR
    from polyrec.recommend.factors.elsa import ELSA as ELSA
    from polyrec.recommend.factors.mlp import MLP as MLP
    from polyrec.recommend.factors.vbpr import VBPR as VBPR
    from polyrec.recommend.generative.tiger import Tiger as Tiger
    from polyrec.recommend.graph.freedom import Freedom as Freedom
    from polyrec.recommend.graph.lightgcn import LightGCN as LightGCN
    from polyrec.recommend.graph.mgcn import MGCN as MGCN
    from polyrec.recommend.linear.ease import EASE as EASE
    from polyrec.recommend.linear.item_knn import ItemKNN as ItemKNN
    from polyrec.recommend.linear.multimodal_linear import MultimodalLinear as MultimodalLinear
    from polyrec.recommend.linear.rp3beta import RP3Beta as RP3Beta
    from polyrec.recommend.linear.sparse_linear import SparseLinear as SparseLinear
    from polyrec.recommend.popular import Popular as Popular
    from polyrec.recommend.sequence.sasrec import SASRec as SASRec
    from polyrec.recommend.two_tower.two_tower import TwoTower as TwoTower
else:
    PARTS, __all__, __getattr__, __dir__ = lazy_parts(__name__)
