"""Encoding a catalogue: cached, resumable, each content once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from polyrec.encode.descriptor import Descriptor
from polyrec.encode.per_item import PerItem
from polyrec.encode.run import encode_contents
from polyrec.errors import MediaError
from polyrec.store.features import FeatureCache
from polyrec.types import Raw


@dataclass
class Length(PerItem):
    """Describe a text by its length; "bad" can't be read, "stop" ends the run."""

    scale: float = 1.0
    seen: list = field(init=False, default_factory=list)

    @property
    def width(self) -> int:
        return 2

    def describe(self, raw: Raw) -> np.ndarray:
        self.seen.append(raw)
        if raw == "bad":
            raise MediaError("can't be read")
        if raw == "stop":
            raise KeyboardInterrupt
        return np.float32([len(raw), self.scale])


@pytest.fixture
def cache(tmp_path: Path):
    with FeatureCache(tmp_path / "c.sqlite") as opened:
        yield opened


CONTENTS: Sequence[Raw | None] = ["aa", None, "bad", "aa", "cccc", "bad"]


def test_equal_contents_are_read_once_and_later_runs_read_nothing(cache: FeatureCache) -> None:
    first = Length()
    view = encode_contents(first, CONTENTS, cache=cache)
    assert sorted(first.seen) == ["aa", "bad", "cccc"]
    assert view.vectors[:, 0].tolist() == [2, 0, 0, 2, 4, 0]
    assert view.present.tolist() == [True, False, False, True, True, False]
    assert view.problems == {2: "can't be read", 5: "can't be read"}
    again = Length()
    same = encode_contents(again, CONTENTS, cache=cache)
    assert again.seen == ["bad"]
    assert np.array_equal(same.vectors, view.vectors)
    assert same.problems == view.problems


def test_another_setting_meets_no_old_row(cache: FeatureCache) -> None:
    encode_contents(Length(), CONTENTS, cache=cache)
    assert encode_contents(Length(scale=2), CONTENTS, cache=cache).vectors[0, 1] == 2


def test_an_interrupted_run_goes_on_where_it_was(cache: FeatureCache) -> None:
    contents = [f"{i:03}" for i in range(150)]
    with pytest.raises(KeyboardInterrupt):
        encode_contents(Length(), [*contents, "stop"], cache=cache)
    second = Length()
    encode_contents(second, contents, cache=cache)
    assert 0 < len(second.seen) <= 64


def test_progress_reaches_its_end(cache: FeatureCache) -> None:
    steps = []
    encode_contents(Length(), CONTENTS, cache=cache, progress=lambda *step: steps.append(step))
    assert steps[-1] == ("encode", 6, 6)


def test_a_file_that_vanished_is_a_problem(cache: FeatureCache, tmp_path: Path) -> None:
    view = encode_contents(Descriptor(), [tmp_path / "gone.jpg"], cache=cache)
    assert "can't be opened" in view.problems[0]


def test_without_a_cache_the_rows_are_the_same(cache: FeatureCache) -> None:
    kept = encode_contents(Length(), CONTENTS, cache=cache)
    assert np.array_equal(encode_contents(Length(), CONTENTS).vectors, kept.vectors)


def test_files_are_known_by_their_bytes_not_their_names(
    cache: FeatureCache, tmp_path: Path, jpeg: bytes
) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(jpeg)
    encode_contents(Descriptor(), [tmp_path / "a.jpg", tmp_path / "b.jpg"], cache=cache)
    assert sum(cache.counts().values()) == 1
