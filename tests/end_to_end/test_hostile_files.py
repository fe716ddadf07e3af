"""Whatever lies in the folder: every file ends as a status, the run completes, the good stay."""

import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hostile_files import EITHER, garbage, write_all
from polyrec.config import Limits, parse_config
from polyrec.data.media_files import MediaFolder
from polyrec.encode.run import EncodeContext, encode_contents
from polyrec.pipeline.encoding import fill_feature_cache
from polyrec.registry import find_class

ENCODERS = {"image": "descriptor", "audio": "spectral", "video": "motion"}


@pytest.fixture(scope="module")
def good(world: Path) -> dict[str, list[Path]]:
    """Return whole files of the studio data set by kind."""
    files_of = {}
    for kind, use in ENCODERS.items():
        encoder = find_class("encode", use)()
        files = [p for p in sorted((world / kind).iterdir())[:9] if encoder.encode([p]).present[0]]
        files_of[kind] = files[:5]
    return files_of


@pytest.mark.parametrize("kind", ENCODERS)
def test_every_bad_file_ends_as_a_status_and_the_good_keep_their_bits(
    kind: str, good: dict, context: EncodeContext, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    intact = good[kind][0].read_bytes()
    expected = write_all(folder, kind, intact)
    assert len(expected) >= 33
    encoder = find_class("encode", ENCODERS[kind])()
    alone = encode_contents(encoder, good[kind], context)
    assert alone.present.all()
    names = sorted(expected)
    mixed = []
    for i, file in enumerate(MediaFolder(folder).find(kind, names)):
        mixed += [good[kind][i % 5], file]
    view = encode_contents(encoder, mixed, context)
    for i, name in enumerate(names):
        assert np.array_equal(view.vectors[2 * i], alone.vectors[i % 5])
        row, may = 2 * i + 1, expected[name]
        if may == EITHER:
            assert view.present[row] or row in view.problems
        elif may:
            assert not view.present[row], name
            assert view.problems[row].status in may, (name, view.problems[row])
            assert view.problems[row].reason
        else:
            assert view.present[row], (name, view.problems.get(row))


@pytest.mark.parametrize("kind", ENCODERS)
def test_garbage_inside_never_ends_the_run(kind: str, good: dict, context: EncodeContext) -> None:
    intact = good[kind][1].read_bytes()
    pieces = [garbage(intact, seed, share) for seed in range(6) for share in (0.02, 0.4)]
    encoder = find_class("encode", ENCODERS[kind])()
    view = encode_contents(encoder, [intact, *pieces, intact], context)
    assert view.present[0]
    assert view.present[-1]
    # what a decoder lets pass is finite, what it doesn't has a reason
    assert np.isfinite(view.vectors).all()
    assert set(np.flatnonzero(~view.present)) == set(view.problems)


def test_names_that_are_not_utf8_are_read(
    good: dict, context: EncodeContext, tmp_path: Path
) -> None:
    name = Path(os.fsdecode(bytes(tmp_path) + b"/caf\xe9.jpg"))
    name.write_bytes(good["image"][0].read_bytes())
    assert encode_contents(find_class("encode", "descriptor")(), [name], context).present.all()


def test_limits_of_the_config_are_kept(good: dict, tmp_path: Path) -> None:
    (tmp_path / "items").mkdir()
    rows = {"item_id": ["a", "b", "c"], "image": [], "audio": []}
    for i, name in enumerate(rows["item_id"]):
        for kind in ("image", "audio"):
            target = tmp_path / "items" / f"{name}{good[kind][i].suffix}"
            target.write_bytes(good[kind][i].read_bytes())
            rows[kind].append(f"items/{target.name}")
    pl.DataFrame(rows).write_csv(tmp_path / "items.csv")
    events = {
        "user_id": [1, 1, 2, 2, 3, 3],
        "item_id": ["a", "b", "b", "c", "a", "c"],
        "split": ["train", "test"] * 3,
    }
    pl.DataFrame(events).write_csv(tmp_path / "interactions.csv")

    def statuses(cache: str, **limits: object) -> dict[str, set[str]]:
        tree = {
            "data": {"path": str(tmp_path), "image": "image", "audio": "audio"},
            "media": limits,
            "cache": str(tmp_path / cache),
            "engine": {"workers": 1},
        }
        entries = fill_feature_cache(parse_config(tree, folder=tmp_path)).quarantine
        kinds = ("image", "audio")
        return {k: {entry.status for entry in entries if entry.view == k} for k in kinds}

    assert statuses("a", max_pixels=100) == {"image": {"too large"}, "audio": set()}
    assert statuses("b", max_seconds=0.5) == {"image": set(), "audio": {"too large"}}
    assert statuses("c", max_mb=1e-4) == {"image": {"too large"}, "audio": {"too large"}}
    # what was too large is looked at again once it is allowed
    assert statuses("c") == {"image": set(), "audio": set()}


def test_a_page_of_bad_names_is_escaped_and_whole(good: dict, tmp_path: Path) -> None:
    from polyrec.evaluate.quarantine import Quarantined, write_quarantine, write_quarantine_page

    entry = Quarantined("image", "<script>", os.fsdecode(b"caf\xe9\n"), "damaged", "a & b")
    write_quarantine_page([entry], tmp_path / "q.html")
    page = (tmp_path / "q.html").read_text(encoding="utf-8")
    assert "<script>" not in page.replace("<style>", "")
    assert "&lt;script&gt;" in page
    write_quarantine([entry], tmp_path / "q.jsonl")
    assert json.loads((tmp_path / "q.jsonl").read_text()) == entry._asdict()
    write_quarantine_page([], tmp_path / "none.html")
    assert "every content was read" in (tmp_path / "none.html").read_text(encoding="utf-8")


def test_default_limits_match_the_docs() -> None:
    assert Limits().max_seconds == 3600
    assert Limits().hosts == ()
