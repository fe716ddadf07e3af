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

from polyrec.registry import lazy_classes

PARTS = {
    "popular": "polyrec.recommend.popular:Popular",
    "item_knn": "polyrec.recommend.linear.item_knn:ItemKNN",
    "rp3beta": "polyrec.recommend.linear.rp3beta:RP3Beta",
    "ease": "polyrec.recommend.linear.ease:EASE",
    "multi_dae": "polyrec.recommend.autoencoder.multi_dae:MultiDAE [torch]",
    "multi_vae": "polyrec.recommend.autoencoder.multi_vae:MultiVAE [torch]",
    "multimodal_dae": "polyrec.recommend.autoencoder.multimodal_dae:MultimodalDAE [torch]",
    "elsa": "polyrec.recommend.factors.elsa:ELSA [torch]",
    "als": "polyrec.recommend.factors.als:ALS",
    "bpr": "polyrec.recommend.factors.bpr:BPR [torch]",
    "vbpr": "polyrec.recommend.factors.vbpr:VBPR [torch]",
    "mlp": "polyrec.recommend.factors.mlp:MLP [torch]",
    "sasrec": "polyrec.recommend.sequence.sasrec:SASRec [torch]",
    "freedom": "polyrec.recommend.graph.freedom:Freedom [torch]",
    "lightgcn": "polyrec.recommend.graph.lightgcn:LightGCN [torch]",
    "mgcn": "polyrec.recommend.graph.mgcn:MGCN [torch]",
    "two_tower": "polyrec.recommend.two_tower.model:TwoTower [torch]",
    "multimodal_linear": "polyrec.recommend.linear.multimodal_linear:MultimodalLinear",
    "blend": "polyrec.recommend.ensemble.blend:Blend",
}
__getattr__, __dir__ = lazy_classes(__name__, PARTS)
