"""text_data.csv, image_data.npy, audio_data.npy and labels.npy: one row per user-item pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from polyrec.contracts import part
from polyrec.data.columns import filter_rows
from polyrec.data.frames import FileReader, require_folder
from polyrec.data.naming import Columns, source_tables
from polyrec.errors import DataError
from polyrec.source_tables import SourceTables

_NAMES = {"user": "user_id", "item": "item_id"}


@part
class CsvNpyReader(FileReader):
    """Read one row per user-item pair: its text, image and sound arrays, and its label.

    A label over 0 is a positive; 0 means seen but not liked (weight 0). text_data.csv may have
    columns for user and item (`data.columns`); rows of one item share the content of the first.
    Without them every row is an item of its own, seen by one user "anyone".

    >>> CsvNpyReader().read(Path("nowhere"), {})
    Traceback (most recent call last):
    polyrec.errors.DataError: no such data folder: received 'nowhere'; check data.path
    """

    example: ClassVar[Mapping[str, Any]] = {
        "text_data.csv": "user_id,item_id,text\nu1,i1,One\nU1,I1,Two\nv,j,Three\n",
        "labels.npy": [1, 0, 1],
    }

    def read(self, path: Path, columns: Columns) -> SourceTables:
        """Return the tables of the folder."""
        table = self.table(require_folder(path) / "text_data.csv")
        rows = table.frame
        if "item" not in columns and "item_id" not in rows.columns:
            rows = rows.with_columns(item_id=pl.int_range(len(rows)))
        if "user" not in columns and "user_id" not in rows.columns:
            rows = rows.with_columns(user_id=pl.lit("anyone"))
        table = replace(table, frame=rows)
        tables = source_tables(table, table, columns, usual=(_NAMES, {"item": "item_id"}))
        labels = _array(path / "labels.npy", len(rows)).reshape(len(rows), -1)[:, 0]
        first = tables.events["item"].is_first_distinct().arg_true().to_numpy()
        features = {
            name: flat[first].astype(np.float32)
            for name in ("image", "audio")
            if (file := path / f"{name}_data.npy").is_file()
            and (flat := _array(file, len(rows)).reshape(len(rows), -1)).size
        }
        events = tables.events.with_columns(weight=pl.Series((labels > 0).astype(np.float32)))
        items, source = filter_rows(
            rows, tables.item_source, tables.events["item"].is_first_distinct()
        )
        return replace(tables, events=events, items=items, item_source=source, features=features)


def _array(path: Path, rows: int) -> npt.NDArray[Any]:
    if not path.is_file():
        remedy = "it needs one row per row of text_data.csv"
        raise DataError("no such file", received=str(path), remedy=remedy)
    array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    if len(array) != rows:
        what, remedy = f"{path.name} has another number of rows", f"give {rows:,}, as text_data.csv"
        raise DataError(what, received=len(array), remedy=remedy)
    return array
