"""Read, clean, split and check interactions and items.

load.py         from a reader's tables to a clean, split data set
catalog.py      the items' raw content
splits.py       train, valid and test
validation.py   counts and findings
tables.py       files as tables with known columns
readers/        one file format each
synthetic/      a generated data set with known ground truth
"""

from typing import TYPE_CHECKING

from polyrec.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from polyrec.data.catalog import FeatureRows as FeatureRows
    from polyrec.data.load import LoadedDataset as LoadedDataset
    from polyrec.data.load import build_dataset as build_dataset
    from polyrec.data.load import load_dataset as load_dataset
    from polyrec.data.load import read_catalog as read_catalog
    from polyrec.data.validation import Finding as Finding
    from polyrec.data.validation import Validation as Validation
else:
    __all__, __getattr__, __dir__ = lazy_exports(__name__)
