"""Encoding a catalogue: cached, resumable, each content once."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from polyrec.config import Limits
from polyrec.encode.base import PerItemEncoder
from polyrec.encode.image.descriptor import Descriptor
from polyrec.encode.run import EncodeContext, encode_contents, fill_cache
from polyrec.errors import FitError, MediaError
from polyrec.types import Problem, Raw


@dataclass
class Length(PerItemEncoder):
    """Describe a text by its length; "bad" can't be read, "stop" ends the run."""

    scale: float = 1.0
    seen: list = field(init=False, default_factory=list)
    batches: list = field(init=False, default_factory=list)

    sandboxed = False

    @property
    def width(self) -> int:
        return 2

    def encode_one(self, raw: Raw, limits: Limits) -> np.ndarray:
        self.seen.append(raw)
        if raw == "bad":
            raise MediaError("can't be read", status="truncated")
        if raw == "slow":
            raise MediaError("took too long", status="timed out")
        if raw == "stop":
            raise KeyboardInterrupt
        return np.float32([len(raw), self.scale])

    def embed(self, prepared: Sequence) -> np.ndarray:
        self.batches.append(len(prepared))
        return super().embed(prepared)


CONTENTS: Sequence[Raw | None] = ["aa", None, "bad", "aa", "cccc", "bad"]
BAD = Problem("truncated", "can't be read")


def test_equal_contents_are_read_once_and_later_runs_read_nothing(context: EncodeContext) -> None:
    first = Length()
    view = encode_contents(first, CONTENTS, context)
    assert sorted(first.seen) == ["aa", "bad", "cccc"]
    assert view.vectors[:, 0].tolist() == [2, 0, 0, 2, 4, 0]
    assert view.present.tolist() == [True, False, False, True, True, False]
    assert view.problems == {2: BAD, 5: BAD}
    again = Length()
    same = encode_contents(again, CONTENTS, context)
    assert again.seen == []
    assert np.array_equal(same.vectors, view.vectors)
    assert same.problems == view.problems


def test_temporary_problems_are_tried_again(context: EncodeContext) -> None:
    assert encode_contents(Length(), ["slow"], context).problems[0].status == "timed out"
    again = Length()
    encode_contents(again, ["slow"], context)
    assert again.seen == ["slow"]


def test_another_setting_is_another_cache_key(context: EncodeContext) -> None:
    encode_contents(Length(), CONTENTS, context)
    assert encode_contents(Length(scale=2), CONTENTS, context).vectors[0, 1] == 2


def test_an_interrupted_run_goes_on_where_it_was(context: EncodeContext) -> None:
    contents = [f"{i:04}" for i in range(3000)]
    with pytest.raises(KeyboardInterrupt):
        encode_contents(Length(), [*contents, "stop"], context)
    second = Length()
    view = encode_contents(second, contents, context)
    assert 0 < len(second.seen) < 3000
    assert view.present.all()


def test_progress_reaches_its_end_and_counts_the_quarantine(context: EncodeContext) -> None:
    steps = []
    reporting = replace(context, progress=lambda *step: steps.append(step))
    encode_contents(Length(), CONTENTS, reporting)
    assert steps[-1] == ("encode", 6, 6, "2 quarantined")
    assert all(done <= total for _, done, total, *_ in steps)


def test_only_counting_gives_the_same_counts(context: EncodeContext) -> None:
    tally = fill_cache(Length(), CONTENTS, context)
    assert (tally.present, tally.missing, tally.problems) == (3, 1, {2: BAD, 5: BAD})
    assert len(context.cache.encoders()) == 1


def test_a_file_that_vanished_is_a_problem(context: EncodeContext, tmp_path: Path) -> None:
    view = encode_contents(Descriptor(), [tmp_path / "gone.jpg"], context)
    assert view.problems[0].status == "missing"


def test_files_are_known_by_their_bytes_not_their_names(
    context: EncodeContext, tmp_path: Path, jpeg: bytes
) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(jpeg)
    with (tmp_path / "a.jpg").open("rb") as opened:
        contents = [tmp_path / "a.jpg", tmp_path / "b.jpg", jpeg, opened]
        view = encode_contents(Descriptor(), contents, context)
    assert view.present.all()
    assert (view.vectors == view.vectors[0]).all()
    assert context.cache.encoders()[0].vectors == 1


def test_decoding_in_another_process_gives_the_same_bits(
    context: EncodeContext, tmp_path: Path, jpeg: bytes
) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg)
    view = encode_contents(Descriptor(), [tmp_path / "a.jpg"], context)
    assert np.array_equal(view.vectors, Descriptor().encode([jpeg]).vectors)


def test_texts_of_like_length_are_batched_together_and_returned_in_order(
    context: EncodeContext,
) -> None:
    contents = ["x" * (1 + i * 7 % 200) + str(i) for i in range(400)]
    view = encode_contents(Length(), contents, context)
    assert view.vectors[:, 0].tolist() == [len(text) for text in contents]


def test_a_class_that_can_not_be_imported_is_an_error(context: EncodeContext, jpeg: bytes) -> None:
    @dataclass
    class Local(Length):
        sandboxed = True

    with pytest.raises(FitError, match="a module that can be imported"):
        encode_contents(Local(), [jpeg], context)
