"""Learn from behaviour and content; score and rank items.

| recommender | what it is |
|---|---|
| popular | the same for everyone: what most people took |
| item_knn | item-item cosine neighbours |
| rp3beta | three-step random walk with popularity damped |
| ease | linear autoencoder in closed form |
| multi_dae | denoising autoencoder of histories (extra `torch`) |
| multi_vae | variational autoencoder of histories (extra `torch`) |
| multimodal_dae | denoising autoencoder, its decoder smoothed over content (extra `torch`) |
| elsa | linear autoencoder of low rank, for large catalogues (extra `torch`) |
| als | matrix factorization, users and items solved in turns; content as the items' prior |
| bpr | matrix factorization, what was taken above what was not (extra `torch`) |
| vbpr | bpr with the items' content projected beside (extra `torch`) |
| mlp | neural matrix factorization: a product and a network of users and items (extra `torch`) |
| sasrec | a causal transformer over the history: what comes next (extra `torch`) |
| freedom | lightgcn without its noisy edges, beside a graph of alike items (extra `torch`) |
| lightgcn | vectors spread over the graph of users and items (extra `torch`) |
| mgcn | lightgcn and content through gates, held together by contrast (extra `torch`) |
| two_tower | history tower and content tower, softmax or sigmoid head (extra `torch`) |
| multimodal_linear | ease regularised towards the items' content, modality weights from valid |
| blend | several of these, weighed on valid |
"""

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
    from polyrec.recommend.graph.freedom import Freedom as Freedom
    from polyrec.recommend.graph.lightgcn import LightGCN as LightGCN
    from polyrec.recommend.graph.mgcn import MGCN as MGCN
    from polyrec.recommend.linear.ease import EASE as EASE
    from polyrec.recommend.linear.item_knn import ItemKNN as ItemKNN
    from polyrec.recommend.linear.multimodal_linear import MultimodalLinear as MultimodalLinear
    from polyrec.recommend.linear.rp3beta import RP3Beta as RP3Beta
    from polyrec.recommend.popular import Popular as Popular
    from polyrec.recommend.sequence.sasrec import SASRec as SASRec
    from polyrec.recommend.two_tower.two_tower import TwoTower as TwoTower
else:
    PARTS, __all__, __getattr__, __dir__ = lazy_parts(__name__)
