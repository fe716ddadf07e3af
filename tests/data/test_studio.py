"""The studio data set is what it says: seeded to the byte, and its truth can be found again."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import polars as pl
import pytest
from PIL import Image

from machine_cache import MachineCache
from polyrec.config import PRESETS
from polyrec.data.synthetic import StudioSettings, generate_studio
from polyrec.data.synthetic.events import KINDS
from polyrec.data.synthetic.latents import DAYS, START
from polyrec.errors import ConfigError
from studio_worlds import studio_world

TINY = StudioSettings(items=20, users=40)


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_makes_the_same_bytes_and_another_makes_others(
    machine_cache: MachineCache, tmp_path: Path
) -> None:
    generate_studio(tmp_path / "again", TINY)
    generate_studio(tmp_path / "other", replace(TINY, seed=8))
    first = hashes(studio_world(machine_cache, TINY))  # perhaps by another process, days ago
    assert len(first) > 40
    assert first == hashes(tmp_path / "again")
    other = hashes(tmp_path / "other")
    assert first["items.parquet"] != other["items.parquet"]
    assert first["interactions.parquet"] != other["interactions.parquet"]


def test_whole_media_open_and_damaged_ones_are_in_the_truth(world: Path) -> None:
    damaged = json.loads((world / "truth/truth.json").read_text())["damaged"]
    assert damaged
    opened = set()
    for path in sorted(world.glob("*/*.*")):
        name = str(path.relative_to(world))
        if name.startswith("truth") or name in damaged:
            continue
        opened.add(path.parent.name)
        if name.startswith("image"):
            with Image.open(path) as cover:
                assert cover.size == (160, 160)
            continue
        with av.open(str(path)) as clip:
            assert clip.streams.audio
            assert bool(clip.streams.video) == name.startswith("video")
            assert abs(clip.duration / 1e6 - 3) < 0.2
    assert opened == {"image", "audio", "video"}


def test_modalities_are_missing_at_about_the_set_rate(tmp_path: Path) -> None:
    truth = generate_studio(tmp_path, StudioSettings(items=30, users=20, missing=0.3, damaged=0))
    rate = 1 - truth.latents.present.mean()
    assert 0.2 < rate < 0.4
    items = pl.read_parquet(tmp_path / "items.parquet")
    named = items.select("title", "image", "audio", "video").to_numpy()
    assert np.array_equal(named != None, truth.latents.present)  # noqa: E711 - elementwise
    assert truth.damaged == {}


def test_texts_are_in_two_languages(world: Path) -> None:
    descriptions = pl.read_parquet(world / "items.parquet")["description"].drop_nulls()
    chinese = descriptions.str.contains("[\u4e00-\u9fff]").mean()
    assert 0.05 < chinese < 0.5


def test_no_event_is_before_the_release_of_its_item(world: Path) -> None:
    truth = np.load(world / "truth/truth.npz")
    events = pl.read_parquet(world / "interactions.parquet")
    days = (events["timestamp"].to_numpy() - START) / 86_400
    assert (days + 1e-4 >= truth["release"][truth["event_items"]]).all()
    assert (truth["release"] > 0.85 * DAYS).sum() == 6
    assert events["timestamp"].is_sorted()


def test_kinds_are_known_to_the_presets(world: Path) -> None:
    kinds = set(pl.read_parquet(world / "interactions.parquet")["kind"])
    assert kinds == set(KINDS)
    assert kinds <= set(PRESETS["shop"])
    assert kinds <= set(PRESETS["media"])


def test_taste_and_popularity_drive_choices(tmp_path: Path) -> None:
    truth = generate_studio(tmp_path, StudioSettings(items=200, users=100, missing=0.9, damaged=0))
    latents, events = truth.latents, truth.events
    fit = latents.taste @ latents.shared.T
    driven = events.drivers >= 0
    chosen = fit[events.users[driven], events.items[driven]].mean()
    assert chosen > fit.mean() + 0.2
    assert latents.appeal[events.items].mean() > latents.appeal.mean() + 0.1
    assert (~driven).mean() == pytest.approx(0.15, abs=0.05)


def test_the_driver_is_a_modality_that_the_item_has(world: Path) -> None:
    truth = np.load(world / "truth/truth.npz")
    driven = truth["event_drivers"] >= 0
    items, drivers = truth["event_items"][driven], truth["event_drivers"][driven]
    assert truth["present"][items, drivers].mean() > 0.95


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"items": 3}, "too small"),
        ({"missing": 1.5}, "a rate is out of range"),
        ({"events": 1}, "too small"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        StudioSettings(**settings)
