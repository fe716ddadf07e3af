"""Packs travel: features with ids, origin and card, matched by item id elsewhere."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import polyrec
from polyrec.artifact.feature_pack import read_pack, write_pack
from polyrec.config import parse_config
from polyrec.errors import DataError
from polyrec.pipeline.encoding import fill_feature_cache
from polyrec.types import Embeddings

VIEW = Embeddings(
    np.arange(6, dtype=np.float32).reshape(3, 2), np.array([True, False, True]), space="clip 1"
)


def test_a_pack_round_trips(tmp_path: Path) -> None:
    path = write_pack(tmp_path / "deep/p.safetensors", ["a", "ü", "c"], {"image": VIEW}, {
        "image": {"name": "ImageModel", "licence": "mit"}})  # fmt: skip
    pack = read_pack(path, "image")
    assert pack.ids == ("a", "ü", "c")
    assert np.array_equal(pack.view.vectors, VIEW.vectors)
    assert pack.view.present.tolist() == [True, False, True]
    assert pack.view.space == "clip 1"
    assert pack.card["licence"] == "mit"
    assert read_pack(path, "poster").ids == pack.ids  # the only view there is


def test_files_that_are_not_packs_are_errors(tmp_path: Path) -> None:
    path = write_pack(tmp_path / "p.safetensors", ["a"] * 3, {"one": VIEW, "two": VIEW}, {})
    with pytest.raises(DataError, match="no such view: received 'ones'; did you mean 'one'"):
        read_pack(path, "ones")
    (tmp_path / "cut.safetensors").write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataError, match="can't be read"):
        read_pack(tmp_path / "cut.safetensors", "one")
    with pytest.raises(DataError, match="no such pack"):
        read_pack(tmp_path / "none.safetensors", "one")
    from safetensors.numpy import save_file

    save_file({"x": VIEW.vectors}, tmp_path / "other.safetensors")
    with pytest.raises(DataError, match="not a polyrec pack"):
        read_pack(tmp_path / "other.safetensors", "one")


def test_another_machine_loads_a_pack_with_features(world: Path, tmp_path: Path) -> None:
    data = {"path": str(world), "text": ["title"], "image": "image"}
    settings = {"data": data, "preset": "shop", "cache": str(tmp_path / "c.sqlite")}
    summary = fill_feature_cache(
        parse_config(settings, folder=tmp_path), pack=tmp_path / "p.safetensors"
    )
    assert summary.counts["image"]["present"] > 40
    # the other machine: other order of items, one item that is not in the pack, no media
    folder = tmp_path / "other"
    folder.mkdir()
    items = pl.read_parquet(world / "items.parquet").select("item_id", "title")[::-1]
    extra = pl.DataFrame({"item_id": ["stranger"], "title": ["?"]})
    pl.concat([extra, items]).write_csv(folder / "items.csv")
    (folder / "p.safetensors").write_bytes((tmp_path / "p.safetensors").read_bytes())
    for file in world.glob("interactions.*"):
        (folder / file.name).write_bytes(file.read_bytes())
    tree = {
        "data": {"path": str(folder), "features": {"image": "p.safetensors"}},
        "preset": "shop",
        "recommend": {"use": "multimodal_linear", "l2": 20},
        "cache": str(tmp_path / "other.sqlite"),
    }
    bundle = polyrec.run(parse_config(tree, folder=tmp_path), out=tmp_path / "out")
    pack = read_pack(tmp_path / "p.safetensors", "image")
    pack_row = pack.ids.index("i0005")
    row = bundle.ids.index("i0005")
    assert bundle.views["image"].present[row] == pack.view.present[pack_row]
    assert np.array_equal(bundle.views["image"].vectors[row], pack.view.vectors[pack_row])
    assert not bundle.views["image"].present[bundle.ids.index("stranger")]
    again = polyrec.artifact.bundle.Bundle.load(tmp_path / "out")
    assert again.cards["image"]["name"] == "Descriptor"


def test_a_pack_of_other_items_is_refused(world: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    write_pack(folder / "p.safetensors", ["x", "y", "z"], {"image": VIEW}, {})
    for name in ("items.parquet", "interactions.parquet"):
        (folder / name).write_bytes((world / name).read_bytes())
    tree = {"data": {"path": str(folder), "features": {"image": "p.safetensors"}}, "preset": "shop"}
    with pytest.raises(DataError, match="the pack has other items"):
        fill_feature_cache(parse_config(tree, folder=tmp_path))
