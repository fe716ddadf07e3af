"""The raw content of items, row by row, read on access."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import polars as pl

from polyrec.artifact.feature_pack import PACK_SUFFIX, PackedView, read_pack
from polyrec.config import DataConfig
from polyrec.data.columns import to_text
from polyrec.data.item_metadata import catalog_metadata
from polyrec.data.media_files import MediaFolder
from polyrec.data.validation import finding_for
from polyrec.errors import DataError, ErrorCollector, nearest
from polyrec.source_tables import SourceTables
from polyrec.types import Bools, Catalog, Finding, Floats, Raw

_CHUNK = 8192


@dataclass(frozen=True)
class FeatureRows(Sequence[Floats | None]):
    """Rows of a feature array, None where a row is not finite or past the end."""

    array: npt.NDArray[Any]
    usable: Bools
    card: Mapping[str, Any] = field(default_factory=dict)  # of the encoder that they come from

    def __len__(self) -> int:
        return len(self.usable)

    @overload
    def __getitem__(self, index: int) -> Floats | None: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Floats | None]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return np.asarray(self.array[index], np.float32) if self.usable[index] else None

    def __iter__(self) -> Iterator[Floats | None]:
        return (self[i] for i in range(len(self)))


def build_catalog(
    config: DataConfig, tables: SourceTables, ids: pl.Series
) -> tuple[Catalog, list[Finding]]:
    """Return the items with their content, and findings about it.

    `ids` starts with the rows of the items table; the items after those have no content.
    """
    names = tuple(ids.to_list())
    columns = _Columns(tables, len(names))
    findings: list[Finding] = []
    contents = {name: _padded(rows, len(names)) for name, rows in tables.contents.items()}
    contents |= _contents_of_columns(config, columns, findings)
    for name, source in _features(config, _home(config), tables).items():
        if name in contents:
            remedy = "rename the features"
            raise DataError("two contents have one name", received=name, remedy=remedy)
        if isinstance(source, Path) and source.suffix == PACK_SUFFIX:
            contents[name] = _pack_rows(read_pack(source, name), names, findings)
            continue
        sizes = (columns.rows or len(names), len(names))
        contents[name] = _feature_rows(name, source, sizes, findings)
    findings += [
        entry
        for name, content in contents.items()
        for entry in finding_for(
            "note",
            f"items without {name}",
            (names[i] for i, raw in enumerate(content) if raw is None),
            "absent content is masked",
        )
    ]
    metadata = catalog_metadata(tables, config, len(names), findings)
    return Catalog(names, columns.titles(names), contents, metadata), findings


def _home(config: DataConfig) -> Path:
    return config.path if config.path.is_dir() else config.path.parent


def _contents_of_columns(
    config: DataConfig, columns: _Columns, findings: list[Finding]
) -> dict[str, Sequence[Raw | None]]:
    """Return the contents that the config maps to columns."""
    contents: dict[str, Sequence[Raw | None]] = {}
    folder = MediaFolder(_home(config) / (config.media_root or ""), config.max_missing.media)
    media = {"image": config.image, "audio": config.audio, "video": config.video}
    errors = ErrorCollector()
    with errors.catch():
        if config.text:
            contents["text"] = columns.text(config.text)
    for name, names in config.texts.items():
        with errors.catch():
            contents[name] = columns.text(names)
    for kind, column in media.items():
        with errors.catch():
            if column is not None:
                contents[kind] = folder.find(kind, columns.values(column))
    errors.raise_any()
    findings += folder.findings
    return contents


def _padded(contents: Sequence[Raw | None], total: int) -> Sequence[Raw | None]:
    if len(contents) == total:
        return contents
    return [*contents, *[None] * (total - len(contents))]


class _Columns:
    """The columns of the items table as text, padded with None to the size of the catalogue."""

    def __init__(self, tables: SourceTables, total: int) -> None:
        self.table = pl.DataFrame() if tables.items is None else tables.items
        self.source = tables.item_source
        self.rows = len(self.table)
        self.total = total

    def values(self, name: str) -> list[str | None]:
        """Return a column by its name in the file, or else by ours."""
        column = name if name in self.table.columns else self.source.column(name)
        if column not in self.table.columns:
            known = ", ".join(self.table.columns) or "no items table"
            remedy = nearest(name, self.table.columns)
            raise DataError(f"the items have no column {name!r}", received=known, remedy=remedy)
        return to_text(self.table[column]).to_list() + [None] * (self.total - self.rows)

    def text(self, names: Sequence[str]) -> list[str | None]:
        errors = ErrorCollector()
        parts = []
        for name in names:
            with errors.catch():
                parts.append(self.values(name))
        errors.raise_any()
        texts = ("\n".join(cell for cell in row if cell) for row in zip(*parts, strict=True))
        return [text.strip() or None for text in texts]

    def titles(self, ids: tuple[str, ...]) -> tuple[str, ...]:
        column = self.source.column("title")
        if column not in self.table.columns:
            return ids
        return tuple(title or name for title, name in zip(self.values(column), ids, strict=True))


def _pack_rows(pack: PackedView, ids: Sequence[str], findings: list[Finding]) -> FeatureRows:
    """Return the rows of a pack in the order of the catalogue, matched by item id."""
    row_of = {name: row for row, name in enumerate(pack.ids)}
    rows = np.array([row_of.get(name, -1) for name in ids], np.int64)
    known = rows >= 0
    if not known.any():
        received = f"{pack.ids[0]!r} in the pack, {ids[0]!r} in the data" if row_of else "no ids"
        remedy = "check data.features"
        raise DataError("the pack has other items", received=received, remedy=remedy)
    absent = [name for name, is_known in zip(ids, known, strict=True) if not is_known]
    findings += finding_for("note", "items that are not in the pack", absent, "encode them again")
    usable = known & pack.view.present[np.maximum(rows, 0)]
    return FeatureRows(pack.view.vectors[np.maximum(rows, 0)], usable, pack.card)


def _features(
    config: DataConfig, root: Path, tables: SourceTables
) -> Mapping[str, Path | npt.NDArray[Any]]:
    if not config.features:
        return tables.features
    home = root.resolve()
    chosen: dict[str, Path] = {}
    for name, file in config.features.items():
        path = (home / file).resolve()
        if not path.is_relative_to(home):
            remedy = "features must be inside the data folder"
            raise DataError("a path outside the data folder", received=file, remedy=remedy)
        chosen[name] = path
    return chosen


def load_array(source: Path | npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return an npy file as a read-only memory map, or the array itself."""
    if isinstance(source, np.ndarray):
        return source
    try:
        array: npt.NDArray[Any] = np.load(source, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        remedy = "check data.features"
        raise DataError("no such feature file", received=source.name, remedy=remedy) from error
    except (ValueError, OSError, EOFError) as error:
        what, remedy = "a feature file can't be read", "save a numeric array with numpy.save"
        raise DataError(what, received=source.name, remedy=remedy) from error
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        shape = f"{source.name}: {array.shape} of {array.dtype}"
        remedy = "use shape (n, d)"
        raise DataError("features are not a numeric matrix", received=shape, remedy=remedy)
    return array


def _feature_rows(
    name: str, source: Path | npt.NDArray[Any], sizes: tuple[int, int], findings: list[Finding]
) -> FeatureRows:
    """Return features with their usable rows; `sizes` are rows expected, and items in all."""
    array = load_array(source)
    rows, total = sizes
    if len(array) != rows:
        what, remedy = f"{name} features don't match the items", f"give {rows:,} rows, one per item"
        raise DataError(what, received=f"{len(array)} rows", remedy=remedy)
    usable = np.zeros(total, bool)
    low, high = np.full(array.shape[1], np.inf), np.full(array.shape[1], -np.inf)
    for start in range(0, rows, _CHUNK):
        chunk = np.asarray(array[start : start + _CHUNK], np.float32)
        finite = np.isfinite(chunk).all(axis=1)
        usable[start : start + len(chunk)] = finite
        low = np.minimum(low, chunk[finite].min(axis=0, initial=np.inf))
        high = np.maximum(high, chunk[finite].max(axis=0, initial=-np.inf))
    invalid, constant = np.flatnonzero(~usable[:rows]), np.flatnonzero(low >= high)
    what = f"{name} rows with NaN or infinite values"
    findings += finding_for("warning", what, invalid, "they count as missing")
    remedy = "they hold no information"
    findings += finding_for("note", f"{name} columns that are constant", constant, remedy)
    return FeatureRows(array, usable)
