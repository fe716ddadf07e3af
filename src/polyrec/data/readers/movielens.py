"""MovieLens in its three layouts: ratings.csv, u.data and `::`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from polyrec.contracts import BasePart, part
from polyrec.data.tables import read_table, rename_columns, require_folder
from polyrec.errors import DataError
from polyrec.types import SourceTables

_EVENTS = {"user": "userId", "item": "movieId", "rating": "rating", "time": "timestamp"}
_ITEMS = {"item": "movieId", "title": "title"}


@part
class MovieLensReader(BasePart):
    """Read ratings.csv with movies.csv, u.data with u.item, or ratings.dat with movies.dat.

    >>> MovieLensReader().read(Path("nowhere"), {})
    Traceback (most recent call last):
    polyrec.errors.DataError: no such data folder: received 'nowhere'; check data.path
    """

    example: ClassVar[Mapping[str, Any]] = {
        "ratings.csv": "userId,movieId,rating\nu1,i1,4\nU1,I1,5\nv,j,3\n",
        "movies.csv": "movieId,title\ni1,One\nI1,Two\nj,Three\n",
    }

    def read(self, path: Path, columns: Mapping[str, str]) -> SourceTables:
        """Return the tables of the folder."""
        require_folder(path)
        if (path / "ratings.csv").is_file():
            events, items = read_table(path / "ratings.csv"), _movies(path / "movies.csv")
        elif (path / "u.data").is_file():
            events = _split(path / "u.data", "\t", list(_EVENTS.values()))
            items = _split(path / "u.item", "|", ["movieId", "title"])
        elif (path / "ratings.dat").is_file():
            events = _split(path / "ratings.dat", "::", list(_EVENTS.values()))
            items = _split(path / "movies.dat", "::", ["movieId", "title", "genres"])
        else:
            raise DataError(
                "no MovieLens files",
                received=", ".join(sorted(p.name for p in path.iterdir())[:20]),
                remedy="add ratings.csv, u.data or ratings.dat",
            )
        known = None if items is None else rename_columns(items, columns, _ITEMS, source="movies")
        return SourceTables(rename_columns(events, columns, _EVENTS, source="ratings"), known)


def _movies(path: Path) -> pl.DataFrame | None:
    return read_table(path) if path.is_file() else None


def _split(path: Path, separator: str, names: list[str]) -> pl.DataFrame:
    """Return the first columns of a headerless Latin-1 file as text."""
    if not path.is_file():
        raise DataError("no such file", received=str(path), remedy="check data.path")
    lines = pl.Series(path.read_text(encoding="latin-1").splitlines(), dtype=pl.String)
    cells = lines.filter(lines.str.len_bytes() > 0).str.split(separator)
    if not len(cells) or int(cells.list.len().min()) < len(names):  # type: ignore[arg-type]
        remedy = f"{separator!r} between {', '.join(names)}"
        raise DataError(f"{path.name} lacks columns", received=len(cells), remedy=remedy)
    return pl.DataFrame({name: cells.list.get(i) for i, name in enumerate(names)})
