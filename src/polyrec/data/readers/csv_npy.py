"""text_data.csv, image_data.npy, audio_data.npy and labels.npy: one row per user-item pair."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from polyrec.contracts import BasePart, part
from polyrec.data.tables import read_table, rename_columns, require_folder
from polyrec.errors import DataError
from polyrec.types import SourceTables


@part
class CsvNpyReader(BasePart):
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

    def read(self, path: Path, columns: Mapping[str, str]) -> SourceTables:
        """Return the tables of the folder."""
        rows = read_table(require_folder(path) / "text_data.csv").with_row_index("row")
        if "item" not in columns and "item_id" not in rows.columns:
            rows = rows.with_columns(item_id=pl.col("row"))
        if "user" not in columns and "user_id" not in rows.columns:
            rows = rows.with_columns(user_id=pl.lit("anyone"))
        rows = rename_columns(
            rows, columns, {"user": "user_id", "item": "item_id"}, source="text_data.csv"
        )
        labels = _array(path / "labels.npy", len(rows)).reshape(len(rows), -1)[:, 0]
        items = rows.unique("item", keep="first", maintain_order=True)
        first = items["row"].to_numpy()
        features = {
            name: flat[first].astype(np.float32)
            for name in ("image", "audio")
            if (file := path / f"{name}_data.npy").is_file()
            and (flat := _array(file, len(rows)).reshape(len(rows), -1)).size
        }
        events = rows.select("user", "item").with_columns(
            weight=pl.Series((labels > 0).astype(np.float32))
        )
        return SourceTables(events, items.drop("row", "user"), features)


def _array(path: Path, rows: int) -> npt.NDArray[Any]:
    if not path.is_file():
        remedy = "it needs one row per row of text_data.csv"
        raise DataError("no such file", received=str(path), remedy=remedy)
    array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    if len(array) != rows:
        what, remedy = f"{path.name} has another number of rows", f"give {rows:,}, as text_data.csv"
        raise DataError(what, received=len(array), remedy=remedy)
    return array
