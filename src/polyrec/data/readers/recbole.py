"""RecBole atomic files: tab-separated, with `name:type` headers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from polyrec.contracts import BasePart, part
from polyrec.data.readers.folder import EVENTS, ITEMS
from polyrec.data.tables import read_table, rename_columns, require_folder
from polyrec.errors import DataError
from polyrec.types import SourceTables

_TYPES = {"token": pl.String, "float": pl.Float64, "token_seq": pl.String, "float_seq": pl.String}


@part
class RecBoleReader(BasePart):
    """Read NAME.inter and, if it exists, NAME.item.

    >>> RecBoleReader().read(Path("nowhere"), {})
    Traceback (most recent call last):
    polyrec.errors.DataError: no such data folder: received 'nowhere'; check data.path
    """

    example: ClassVar[Mapping[str, Any]] = {
        "x.inter": "user_id:token\titem_id:token\nu1\ti1\nU1\tI1\nv\tj\n",
        "x.item": "item_id:token\ttitle:token_seq\ni1\tOne\nI1\tTwo\nj\tThree\n",
    }

    def read(self, path: Path, columns: Mapping[str, str]) -> SourceTables:
        """Return the tables of the folder."""
        events = one_file(path, "*.inter")
        items = events.with_suffix(".item")
        return SourceTables(
            rename_columns(_atomic(events), columns, EVENTS, source=events.name),
            rename_columns(_atomic(items), columns, ITEMS, source=items.name)
            if items.is_file()
            else None,
        )


def one_file(folder: Path, pattern: str) -> Path:
    """Return the only file in a folder that matches a pattern."""
    files = sorted(require_folder(folder).glob(pattern))
    if len(files) != 1:
        names = ", ".join(path.name for path in files) or "none"
        raise DataError(f"one {pattern} file is required", received=names, remedy="check data.path")
    return files[0]


def _atomic(path: Path) -> pl.DataFrame:
    # all columns as text first: polars would infer other types
    table = read_table(path, suffix=".tsv", infer_schema=False, quote_char=None)
    typed = {}
    for column in table.columns:
        name, colon, kind = column.partition(":")
        if not colon or kind not in _TYPES:
            raise DataError(
                f"{path.name} has no header of name:type",
                received=column[:80],
                remedy=f"types: {', '.join(_TYPES)}",
            )
        typed[column] = (name, _TYPES[kind])
    try:
        return table.select(pl.col(c).cast(kind).alias(name) for c, (name, kind) in typed.items())
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0][:200]
        raise DataError(
            f"{path.name} has values of other types", received=reason, remedy="fix it"
        ) from error
