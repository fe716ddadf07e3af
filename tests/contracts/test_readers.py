"""What every registered reader promises.

A test takes the reader and a folder with its example, so that it can be called for any reader.
"""

import hashlib
import itertools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polyrec.artifact import part_state
from polyrec.config import make_part
from polyrec.contracts import Reader
from polyrec.errors import DataError
from polyrec.registry import find_class, registered_parts


def write_example(example: Mapping[str, Any], folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in example.items():
        if name.endswith(".npy"):
            np.save(folder / name, np.array(content, np.float32))
        else:
            (folder / name).write_text(content, encoding="utf-8")
    return folder


@pytest.fixture(params=sorted(registered_parts("data")))
def reader(request: pytest.FixtureRequest) -> Reader:
    return find_class("data", request.param)()


@pytest.fixture
def folder(reader: Reader, tmp_path: Path) -> Path:
    return write_example(reader.example, tmp_path / "example")


def test_it_is_a_reader_whose_settings_make_it_again(reader: Reader) -> None:
    assert isinstance(reader, Reader)
    assert make_part(type(reader), part_state.part_settings(reader), where="data") == reader


def test_every_event_and_every_id_is_there(reader: Reader, folder: Path) -> None:
    tables = reader.read(folder, {})
    assert len(tables.events) == 3
    assert set(map(str, tables.events["user"])) == {"u1", "U1", "v"}
    items = [str(item) for item in tables.events["item"]]
    assert items in (["i1", "I1", "j"], ["0", "1", "2"])
    if tables.items is not None:
        assert [str(item) for item in tables.items[tables.item_source.column("item")]] == items


ODD_IDS = ("007", "7", "1.10", "1.1", "1e5", " a", "a", "NA", "null", "true", "0x1F", "é😀")
"""Ids that a reader which guesses would change, or take for each other or for nothing."""


@pytest.mark.parametrize("pair", [*itertools.pairwise(ODD_IDS)])
def test_ids_are_text_byte_for_byte(reader: Reader, pair: tuple[str, str], tmp_path: Path) -> None:
    names = {"u1": pair[0], "U1": pair[1], "i1": pair[1], "I1": pair[0]}
    example = {
        file: re.sub(r"\b[uUiI]1\b", lambda match: names[match[0]], content)
        if isinstance(content, str)
        else content
        for file, content in reader.example.items()
    }
    tables = reader.read(write_example(example, tmp_path / "example"), {})
    assert tables.events["user"].to_list() == [*pair, "v"]
    columns = [tables.events["item"]]
    if tables.items is not None:
        columns.append(tables.items[tables.item_source.column("item")])
    for column in columns:
        assert [str(item) for item in column] in ([pair[1], pair[0], "j"], ["0", "1", "2"])


def test_every_row_has_a_line(reader: Reader, folder: Path) -> None:
    tables = reader.read(folder, {})
    lines = [tables.event_source.line(row) for row in range(3)]
    assert len(set(lines)) == 3
    assert all(re.fullmatch(r"(line|row) \d", line) for line in lines)


def test_what_was_read_is_described(reader: Reader, folder: Path) -> None:
    files = reader.read(folder, {}).files
    assert files
    assert all((folder / file["file"]).is_file() and file["rows"] == 3 for file in files)


def test_features_and_contents_have_a_row_for_each_item(reader: Reader, folder: Path) -> None:
    tables = reader.read(folder, {})
    rows = [*tables.contents.values()]
    rows += [np.load(f) if isinstance(f, Path) else f for f in tables.features.values()]
    for column in rows:
        assert tables.items is not None
        assert len(column) == len(tables.items)


def test_reading_again_gives_the_same_tables(reader: Reader, folder: Path) -> None:
    first, second = reader.read(folder, {}), reader.read(folder, {})
    assert first.events.equals(second.events)


def test_files_are_only_read(reader: Reader, folder: Path) -> None:
    before = _digests(folder)
    reader.read(folder, {})
    assert _digests(folder) == before


def test_a_column_that_is_not_there_is_refused(reader: Reader, folder: Path) -> None:
    with pytest.raises(DataError, match="no column 'nobody' for the user"):
        reader.read(folder, {"user": "nobody"})


def test_a_folder_that_is_not_there_is_refused(reader: Reader, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such data folder"):
        reader.read(tmp_path / "nowhere", {})


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(folder.iterdir())
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
