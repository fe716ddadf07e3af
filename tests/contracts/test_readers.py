"""What every registered reader promises.

A test takes the reader and a folder with its example, so that it can be called for any reader.
"""

import hashlib
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
        assert [str(item) for item in tables.items["item"]] == items


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
