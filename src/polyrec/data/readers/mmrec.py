"""MMRec: a tab-separated .inter whose x_label is the split, features as npy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl

from polyrec.contracts import part
from polyrec.data.frames import FileReader
from polyrec.data.naming import Columns, source_tables
from polyrec.data.readers.recbole import TABS, one_file
from polyrec.source_tables import SourceTables

_EVENTS = {
    "user": "userID", "item": "itemID", "time": "timestamp", "rating": "rating", "split": "x_label",
}  # fmt: skip
_SPLITS = {"0": "train", "1": "valid", "2": "test"}


@part
class MMRecReader(FileReader):
    """Read NAME.inter, image_feat.npy and text_feat.npy; feature row i is item i.

    >>> MMRecReader().read(Path("nowhere"), {})
    Traceback (most recent call last):
    polyrec.errors.DataError: no such data folder: received 'nowhere'; check data.path
    """

    example: ClassVar[Mapping[str, Any]] = {
        "x.inter": "userID\titemID\tx_label\nu1\t0\t0\nU1\t1\t1\nv\t2\t2\n",
        "text_feat.npy": [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]],
    }

    def read(self, path: Path, columns: Columns) -> SourceTables:
        """Return the tables of the folder."""
        inter = one_file(path, "*.inter")
        table = self.table(inter, suffix=".tsv", usual=TABS)
        files = sorted(path.glob("*_feat.npy"))
        features = {file.stem.removesuffix("_feat"): file for file in files}
        rows = {len(np.load(file, mmap_mode="r", allow_pickle=False)) for file in files}
        items = pl.DataFrame({"item": range(rows.pop())}) if len(rows) == 1 else None
        tables = source_tables(table, None, columns, usual=(_EVENTS, {}), features=features)
        events = tables.events
        if "split" in events.columns:
            codes = events["split"].str.strip_suffix(".0")
            events = events.with_columns(codes.replace(_SPLITS).alias("split"))
        return replace(tables, events=events, items=items)
