"""Learn from behaviour and content; score and rank items.

| recommender | what it is |
|---|---|
| popular | the same for everyone: what most people took |
| item_knn | item-item cosine neighbours |
| rp3beta | three-step random walk with popularity damped |
| ease | linear autoencoder in closed form |
| two_tower | history tower and content tower, softmax or sigmoid head (extra `torch`) |
| multimodal_linear | ease regularised towards the items' content, modality weights from valid |
"""

from polyrec.registry import lazy

PARTS = {
    "popular": "polyrec.recommend.popular:Popular",
    "item_knn": "polyrec.recommend.item_knn:ItemKNN",
    "rp3beta": "polyrec.recommend.rp3beta:RP3Beta",
    "ease": "polyrec.recommend.ease:EASE",
    "two_tower": "polyrec.recommend.two_tower:TwoTower",
    "multimodal_linear": "polyrec.recommend.multimodal_linear:MultimodalLinear",
}
EXTRAS = {"two_tower": "torch"}
__getattr__ = lazy(__name__, PARTS, EXTRAS)
