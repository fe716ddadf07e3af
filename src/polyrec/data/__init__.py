"""Read, clean, split and check interactions and items.

readers/        one file format each
frames.py       files as tables; dialects, delimited, json_lines
naming.py       our names of their columns; joins
columns.py      cells as ids, numbers, text; times, events, ids
catalog.py      the items' raw content; media_files, item_metadata
splits.py       train, valid and test
load.py         from a reader's tables to a clean, split data set
validation.py   counts and findings
synthetic/      a generated data set with known ground truth
"""

from typing import TYPE_CHECKING

from polyrec.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from polyrec.data.catalog import FeatureRows as FeatureRows
    from polyrec.data.load import Dataset as Dataset
    from polyrec.data.load import build_dataset as build_dataset
    from polyrec.data.load import load_dataset as load_dataset
    from polyrec.data.load import read_catalog as read_catalog
    from polyrec.data.validation import Validation as Validation
    from polyrec.types import Finding as Finding
else:
    __all__, __getattr__, __dir__ = lazy_exports(__name__)
