"""Write the studio data set as raw files, damage some, and save the ground truth beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

from polyrec.compute.workers import map_ordered
from polyrec.data.synthetic.audio import encode_audio, synthesize_clip
from polyrec.data.synthetic.events import KINDS, Events, draw_events
from polyrec.data.synthetic.image import render_cover
from polyrec.data.synthetic.latents import Latents, Reals, draw_latents
from polyrec.data.synthetic.settings import MODALITIES, StudioSettings
from polyrec.data.synthetic.text import write_texts
from polyrec.data.synthetic.video import render_video
from polyrec.types import Progress, silent

DAMAGE = ("truncated", "garbage", "empty", "wrong type")


@dataclass(frozen=True)
class GroundTruth:
    """What the data set was drawn from; also saved in its folder truth/."""

    latents: Latents
    events: Events
    strikes: Sequence[Reals]  # times (s) in each item's video; empty without one
    damaged: Mapping[str, str]  # file -> kind of damage


def generate_studio(
    folder: Path, settings: StudioSettings | None = None, *, progress: Progress = silent
) -> GroundTruth:
    """Write items, media, users and interactions into a folder, in polyrec's own layout.

    The same settings generate the same bytes. truth/truth.npz and truth/truth.json hold the ground
    truth.
    """
    settings = settings or StudioSettings()
    latents = draw_latents(settings)
    for kind in (*MODALITIES[1:], "truth"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    texts = write_texts(latents, settings.seed)
    files: list[dict[str, str]] = []
    strikes: list[Reals] = []
    media = map_ordered(lambda i: _write_media(folder, settings, latents, i), range(settings.items))
    for item_files, item_strikes in media:
        files.append(item_files)
        strikes.append(item_strikes)
        progress("generate the studio data set", len(files), settings.items)
    events = draw_events(settings, latents)
    _item_table(latents, texts, files).write_parquet(folder / "items.parquet")
    users = [f"u{i:04d}" for i in range(settings.users)]
    pl.DataFrame({"user_id": users}).write_parquet(folder / "users.parquet")
    _event_table(events).write_parquet(folder / "interactions.parquet")
    truth = GroundTruth(latents, events, strikes, _damage_files(folder, settings, files))
    _save_truth(folder / "truth", settings, truth)
    return truth


def _write_media(
    folder: Path, settings: StudioSettings, latents: Latents, item: int
) -> tuple[dict[str, str], Reals]:
    """Write the media files of one item; return them and the strikes of its video."""
    generator = np.random.default_rng([settings.seed, 4, item])
    shared, private, present = latents.shared[item], latents.private[item], latents.present[item]
    files, strikes = {}, np.zeros(0)
    png, ogg = generator.random() < 0.2, generator.random() < 0.2
    if present[1]:
        files["image"] = f"image/{item:05d}.{'png' if png else 'jpg'}"
        (folder / files["image"]).write_bytes(render_cover(shared, private[1], generator, png=png))
    if present[2]:
        files["audio"] = f"audio/{item:05d}.{'ogg' if ogg else 'mp3'}"
        samples = synthesize_clip(shared, private[2], generator)
        (folder / files["audio"]).write_bytes(encode_audio(samples, ogg=ogg))
    if present[3]:
        files["video"] = f"video/{item:05d}.mp4"
        clip, strikes = render_video(shared, private[3], generator)
        (folder / files["video"]).write_bytes(clip)
    return files, strikes


def _item_table(
    latents: Latents, texts: Sequence[tuple[str, str]], files: Sequence[Mapping[str, str]]
) -> pl.DataFrame:
    shown = [
        text if present else (None, None)
        for text, present in zip(texts, latents.present[:, 0], strict=True)
    ]
    return pl.DataFrame(
        {
            "item_id": [f"i{i:04d}" for i in range(len(files))],
            "title": [title for title, _ in shown],
            "description": [description for _, description in shown],
            **{kind: [names.get(kind) for names in files] for kind in MODALITIES[1:]},
        },
        schema_overrides=dict.fromkeys(("title", "description", *MODALITIES[1:]), pl.String),
    )


def _event_table(events: Events) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "user_id": [f"u{user:04d}" for user in events.users],
            "item_id": [f"i{item:04d}" for item in events.items],
            "timestamp": events.times,
            "kind": np.array(KINDS)[events.kinds].tolist(),
        }
    )


def _damage_files(
    folder: Path, settings: StudioSettings, files: Sequence[Mapping[str, str]]
) -> dict[str, str]:
    """Damage some media files; return file -> kind of damage."""
    generator = np.random.default_rng([settings.seed, 5])
    damaged = {}
    for names in files:
        for name in names.values():
            if generator.random() >= settings.damaged:
                continue
            kind = DAMAGE[int(generator.integers(len(DAMAGE)))]
            intact = (folder / name).read_bytes()
            broken = {
                "truncated": intact[: len(intact) // 3],
                "garbage": generator.bytes(len(intact)),
                "empty": b"",
                "wrong type": b"this is no picture, no sound and no film\n" * 20,
            }
            (folder / name).write_bytes(broken[kind])
            damaged[name] = kind
    return damaged


def _save_truth(folder: Path, settings: StudioSettings, truth: GroundTruth) -> None:
    latents, events = truth.latents, truth.events
    lengths = np.cumsum([0, *(len(strikes) for strikes in truth.strikes)])
    np.savez(
        folder / "truth.npz",
        **{name: getattr(latents, name) for name in latents.__dataclass_fields__},
        event_users=events.users,
        event_items=events.items,
        event_drivers=events.drivers,
        strike_starts=lengths,
        strikes=np.concatenate([np.zeros(0), *truth.strikes]),
    )
    tree = {"studio": asdict(settings), "modalities": MODALITIES, "damaged": truth.damaged}
    (folder / "truth.json").write_text(json.dumps(tree, indent=1), encoding="utf-8")
