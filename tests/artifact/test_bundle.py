"""A bundle comes back as it was saved, or says what is wrong with it."""

import json
import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest

import polyrec
from polyrec.artifact.bundle import Bundle
from polyrec.config import parse_config
from polyrec.errors import BundleError, DataError, PolyrecError


@pytest.fixture(scope="module")
def saved(
    world: Path, features: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Bundle, Path]:
    folder = tmp_path_factory.mktemp("bundle")
    tree = {
        "preset": "shop",
        "data": {"path": str(world), "text": ["title", "description"], "image": "image"},
        "align": {"use": "whiten", "width": 16},
        "recommend": {"use": "multimodal_linear", "l2": 20},
        "evaluate": {"metrics": ["recall@5"], "select_by": "recall@5"},
        "cache": str(features),
    }
    bundle = polyrec.run(parse_config(tree, folder=folder), out=folder / "out")
    return bundle, folder / "out"


@pytest.fixture
def copy(saved: tuple[Bundle, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved[1], tmp_path / "copy"))


def test_it_answers_the_same_after_loading(saved: tuple[Bundle, Path]) -> None:
    bundle, folder = saved
    loaded = Bundle.load(folder)
    assert loaded.config == bundle.config
    assert loaded.fingerprint == bundle.fingerprint
    users = bundle.users[:20]
    assert loaded.recommend(users) == bundle.recommend(users)
    item = bundle.ids[int(bundle.views["fused"].present.argmax())]
    assert loaded.similar(item) == bundle.similar(item)
    results = loaded.search("a boat on the blue sea, waves and gulls")
    assert results == bundle.search("a boat on the blue sea, waves and gulls")
    assert len(results.ids[0]) == 10


def test_known_users_and_histories_take_the_same_call(saved: tuple[Bundle, Path]) -> None:
    bundle, _ = saved
    ids, scores = bundle.recommend(["u0003", "u0001"], k=5)
    assert [len(row) for row in ids] == [5, 5]
    assert scores[0] == sorted(scores[0], reverse=True)
    assert not set(ids[0]) & set(bundle.history("u0003"))
    anonymous = bundle.recommend(histories=[["i0003", "i0009", "i0003"], []], k=5)
    assert anonymous.ids[0] == bundle.recommend(histories=[["i0009", "i0003"]], k=5).ids[0]
    assert len(anonymous.ids[1]) == 5
    assert "i0003" in bundle.recommend(histories=[["i0003"]], k=60, hide_seen=False).ids[0]


def test_lists_as_frames_have_a_row_per_item(saved: tuple[Bundle, Path]) -> None:
    bundle, _ = saved
    lists = bundle.recommend(["u0003", "u0001"], k=3)
    frame = lists.to_polars()
    assert frame["user"].to_list() == ["u0003"] * 3 + ["u0001"] * 3
    assert frame["rank"].to_list() == [1, 2, 3] * 2
    assert frame["item"].to_list() == [*lists.ids[0], *lists.ids[1]]
    assert frame["title"].to_list() == [bundle.title(item) for item in frame["item"]]
    assert frame["score"].to_list() == [*lists.scores[0], *lists.scores[1]]
    pandas = lists.to_pandas()
    assert pandas.to_dict("list") == frame.to_dict(as_series=False)
    anonymous = bundle.recommend(histories=[["i0003"], []], k=2).to_polars()
    assert anonymous["query"].to_list() == [0, 0, 1, 1]
    nothing = bundle.recommend([]).to_polars()
    assert nothing.schema == frame.schema
    assert not len(nothing)
    assert deepcopy(lists).titles == lists.titles


def test_a_list_ends_where_the_catalogue_does(saved: tuple[Bundle, Path]) -> None:
    assert len(saved[0].recommend(histories=[["i0003"]], k=500).ids[0]) == 59


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            lambda b: b.recommend(["nobody"]),
            "unknown user: received 'nobody'; use histories= for unknown users",
        ),
        (lambda b: b.recommend("u0001"), "users must be a list: received 'u0001'; write ['u0001']"),
        (lambda b: b.recommend(histories=["i0003"]), "a history must be a list"),
        (
            lambda b: b.recommend(histories=[["i003"]]),
            "unknown item: received 'i003'; did you mean",
        ),
        (lambda b: b.recommend(), "users or histories are needed"),
        (lambda b: b.recommend(["u0001"], histories=[[]]), "users or histories are needed"),
        (lambda b: b.recommend(["u0001"], k=0), "a list holds at least one item: received 0"),
        (lambda b: b.similar("nothing"), "unknown item"),
        (lambda b: b.similar("i0001", view="smell"), "no such view: received 'smell'"),
        (lambda b: b.similar_to("audio", b"x"), "the bundle has no such encoder: received 'audio'"),
        (lambda b: b.similar_to("image", b"no image"), "the content can't be encoded"),
        (
            lambda b: b.view_of("video"),
            "the bundle has no encoder for this content: received 'video'",
        ),
    ],
)
def test_a_wrong_query_is_a_clear_error(saved, query, message: str) -> None:
    with pytest.raises(PolyrecError) as caught:
        query(saved[0])
    assert message in str(caught.value)


def test_an_item_without_content_has_no_neighbours(saved: tuple[Bundle, Path]) -> None:
    bundle, _ = saved
    bare = bundle.ids[int((~bundle.views["image"].present).argmax())]
    with pytest.raises(DataError, match="this item has no image content"):
        bundle.similar(bare, view="image")


def test_no_byte_can_change_unnoticed(copy: Path) -> None:
    for path in sorted(copy.glob("*.npz")) + sorted(copy.glob("[a-l,n]*.json")):
        if path.name in ("per_user.npz", "report.json", "alignment.json"):
            continue
        content = path.read_bytes()
        if not content:
            continue
        broken = bytearray(content)
        broken[len(content) // 2] ^= 1
        path.write_bytes(broken)
        with pytest.raises(
            BundleError, match=f"a file is missing or changed: received '{path.name}'"
        ):
            Bundle.load(copy)
        path.write_bytes(content)
    Bundle.load(copy)


def change_manifest(folder: Path, change: dict) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 99}, "was made by a newer polyrec: received 'format 99, not 2'; upgrade"),
        (
            {"format": 1},
            "was made by an older polyrec: received 'format 1, not 2'; make it again with polyrec",
        ),
        ({"format": "one"}, "the manifest can't be read"),
        ({"files": {"../outside": "00"}}, "a file outside the bundle: received '../outside'"),
        ({"files": {}}, "a file is missing"),
        ({"parts": {}}, "the bundle is incomplete"),
        ({"config": {"dta": 1}}, "unknown key"),
    ],
)
def test_a_wrong_manifest_is_a_clear_error(copy: Path, change: dict, message: str) -> None:
    change_manifest(copy, change)
    with pytest.raises(PolyrecError) as caught:
        Bundle.load(copy)
    assert message in str(caught.value)


def test_a_folder_without_manifest_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle here"):
        Bundle.load(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(BundleError, match="the manifest can't be read"):
        Bundle.load(tmp_path)


def test_saving_replaces_a_bundle_and_nothing_else(
    saved: tuple[Bundle, Path], copy: Path, tmp_path: Path
) -> None:
    assert saved[0].save(copy) == copy
    Bundle.load(copy)
    assert not (copy / "report.html").exists()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(BundleError, match="the output folder holds other files"):
        saved[0].save(mine)
    assert (mine / "thesis.txt").read_text() == "years of work"


def test_arrays_with_objects_are_never_read(copy: Path) -> None:
    from polyrec.artifact.checksummed_folder import sha256

    np.savez(copy / "views.npz", evil=np.array([{"a": 1}], dtype=object))
    files = json.loads((copy / "manifest.json").read_text())["files"]
    change_manifest(copy, {"files": files | {"views.npz": sha256(copy / "views.npz")}})
    with pytest.raises(BundleError, match="the bundle is incomplete"):
        Bundle.load(copy)


def test_a_text_finds_pictures_where_both_lie_in_one_space(
    world: Path, tmp_path: Path, tiny_model: Callable[[str], Path]
) -> None:
    clip = str(tiny_model("clip"))
    tree = {
        "preset": "shop",
        "data": {"path": str(world), "text": ["title"], "image": "image"},
        "encode": {
            "text": {"use": "text_model", "model": clip},
            "image": {"use": "image_model", "model": clip},
            "words": {"use": "lsa", "content": "text"},
        },
        "recommend": {"use": "popular"},
        "cache": str(tmp_path / "c.sqlite"),
    }
    for align in ({"use": "none"}, {"use": "whiten", "width": 8}):
        bundle = polyrec.run(parse_config(tree | {"align": align}, folder=tmp_path))
        again = Bundle.load(bundle.save(tmp_path / align["use"]))
        results = again.similar_to("image", "a boat", by="text", k=5)
        assert results == bundle.similar_to("image", "a boat", by="text", k=5)
        assert again.view_of("text", prefer="image") == "text"
        assert again.cards["text"]["licence"] == "mit"
        with pytest.raises(DataError, match="share no space: received 'words and image'"):
            again.similar_to("image", "a boat", by="words")
    shared = polyrec.run(
        parse_config(tree | {"align": {"use": "cca", "width": 8}}, folder=tmp_path)
    )
    everywhere = shared.similar_to("fused", "a boat", by="words", k=5)
    assert len(everywhere.ids[0]) == 5
    assert all(-1.001 <= score <= 1.001 for score in everywhere.scores[0])
    assert len(shared.similar_to("image", "a boat", by="words", k=5).ids[0]) == 5
