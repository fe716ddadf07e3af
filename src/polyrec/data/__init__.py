"""Read, clean, split and check behaviour and items.

| reader | reads |
|---|---|
| folder | interactions.*, items.*, users.* as parquet, csv or jsonl; `*_feat*.npy` |
| recbole | RecBole atomic files: .inter, .item, .user with typed headers |
| mmrec | MMRec: tab-separated .inter with x_label, image_feat.npy, text_feat.npy |
| movielens | MovieLens: ratings.csv, u.data or `::` files |
| amazon | Amazon reviews as JSON lines |
| gorse | Gorse JSON lines: users, items, feedback |
| article | text_data.csv, image_data.npy, audio_data.npy, labels.npy |
"""

from polyrec.registry import lazy_classes

PARTS = {
    "folder": "polyrec.data.readers.folder:FolderReader",
    "recbole": "polyrec.data.readers.recbole:RecBoleReader",
    "mmrec": "polyrec.data.readers.mmrec:MMRecReader",
    "movielens": "polyrec.data.readers.movielens:MovieLensReader",
    "amazon": "polyrec.data.readers.amazon:AmazonReader",
    "gorse": "polyrec.data.readers.gorse:GorseReader",
    "article": "polyrec.data.readers.csv_npy:ArticleReader",
}
__getattr__, __dir__ = lazy_classes(__name__, PARTS)
