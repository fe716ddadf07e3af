"""Read interactions and items, one file format per reader: docs/parts.md lists them."""

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
