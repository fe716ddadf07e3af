"""MovieLens in its three layouts: ratings.csv, u.data and `::`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from polyrec.contracts import part
from polyrec.data.columns import filter_rows
from polyrec.data.dialects import decompressed_bytes, to_utf8
from polyrec.data.frames import FileReader, Table, require_folder
from polyrec.data.item_metadata import USER_LABELS
from polyrec.data.naming import Columns, source_tables
from polyrec.errors import DataError
from polyrec.source_tables import SourceTables, TableSource

_EVENTS = {"user": "userId", "item": "movieId", "rating": "rating", "time": "timestamp"}
_ITEMS = {"item": "movieId", "title": "title"}


@part
class MovieLensReader(FileReader):
    """Read ratings.csv with movies.csv, u.data with u.item, or ratings.dat with movies.dat.

    u.user and users.dat (age, gender, occupation, zip) are only read for `user_labels`.

    >>> MovieLensReader().read(Path("nowhere"), {})
    Traceback (most recent call last):
    polyrec.errors.DataError: no such data folder: received 'nowhere'; check data.path
    """

    example: ClassVar[Mapping[str, Any]] = {
        "ratings.csv": "userId,movieId,rating\nu1,i1,4\nU1,I1,5\nv,j,3\n",
        "movies.csv": "movieId,title\ni1,One\nI1,Two\nj,Three\n",
    }

    def read(self, path: Path, columns: Columns) -> SourceTables:
        """Return the tables of the folder."""
        require_folder(path)
        users = None
        if (path / "ratings.csv").is_file():
            movies = path / "movies.csv"
            events = self.table(path / "ratings.csv")
            items = self.table(movies) if movies.is_file() else None
        elif (path / "u.data").is_file():
            events = self._read_split(path / "u.data", "\t", list(_EVENTS.values()))
            items = self._read_split(path / "u.item", "|", ["movieId", "title"])
            if USER_LABELS in columns:
                names = ["userId", "age", "gender", "occupation", "zip"]
                users = self._read_split(path / "u.user", "|", names)
        elif (path / "ratings.dat").is_file():
            events = self._read_split(path / "ratings.dat", "::", list(_EVENTS.values()))
            items = self._read_split(path / "movies.dat", "::", ["movieId", "title", "genres"])
            if USER_LABELS in columns:
                names = ["userId", "gender", "age", "occupation", "zip"]
                users = self._read_split(path / "users.dat", "::", names)
        else:
            raise DataError(
                "no MovieLens files",
                received=", ".join(sorted(p.name for p in path.iterdir())[:20]),
                remedy="add ratings.csv, u.data or ratings.dat",
            )
        return source_tables(events, items, columns, usual=(_EVENTS, _ITEMS), users=users)

    def _read_split(self, path: Path, separator: str, names: list[str]) -> Table:
        """Return the first columns of a file without header and quotes."""
        if not path.is_file():
            raise DataError("no such file", received=str(path), remedy="check data.path")
        raw, _ = decompressed_bytes(path)
        data, encoding, findings = to_utf8(raw, self.settings(path).encoding, file=path.name)
        # at line feeds only: titles may contain other line breaks of Unicode
        lines = pl.Series(data.decode().split("\n"), dtype=pl.String).str.strip_suffix("\r")
        source = TableSource(path.name, line=lambda row: f"line {row + 1}")
        frame, source = filter_rows(lines.to_frame("line"), source, lines != "")
        if not len(frame):
            raise DataError("the file is empty", received=path.name, remedy="export it again")
        cells = frame["line"].str.split(separator)
        short = cells.list.len() < len(names)
        if short.any():
            row = int(short.arg_max() or 0)
            what, remedy = f"{path.name} {source.line(row)}", f"write {separator.join(names)}"
            received = frame["line"][row][:80]
            raise DataError(f"{what} lacks columns", received=received, remedy=remedy)
        table = pl.DataFrame({name: cells.list.get(i) for i, name in enumerate(names)})
        file = {"file": path.name, "rows": len(table), "separator": separator, "encoding": encoding}
        return Table(table, source, findings=tuple(findings), files=(file,))
