"""Read interactions and items, one file format per reader.

| reader | reads |
|---|---|
| folder | interactions.*, items.*, users.* as parquet, csv or jsonl; `*_feat*.npy` |
| recbole | RecBole atomic files: .inter, .item, .user with typed headers |
| mmrec | MMRec: tab-separated .inter with x_label, image_feat.npy, text_feat.npy |
| movielens | MovieLens: ratings.csv, u.data or `::` files |
| amazon | Amazon reviews as JSON lines |
| gorse | Gorse JSON lines: users, items, feedback |
| csv_npy | text_data.csv, image_data.npy, audio_data.npy, labels.npy |
"""

from typing import TYPE_CHECKING

from polyrec.registry import lazy_parts

if TYPE_CHECKING:  # the parts of this room, each named by its module; read by `lazy_parts`
    from polyrec.data.readers.amazon import AmazonReader as AmazonReader
    from polyrec.data.readers.csv_npy import CsvNpyReader as CsvNpyReader
    from polyrec.data.readers.folder import FolderReader as FolderReader
    from polyrec.data.readers.gorse import GorseReader as GorseReader
    from polyrec.data.readers.mmrec import MMRecReader as MMRecReader
    from polyrec.data.readers.movielens import MovieLensReader as MovieLensReader
    from polyrec.data.readers.recbole import RecBoleReader as RecBoleReader
else:
    PARTS, __all__, __getattr__, __dir__ = lazy_parts(__name__)
