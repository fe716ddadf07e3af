"""Write a world as raw files, damage some of them, and keep the truth beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

from polyrec.compute.workers import map_ordered
from polyrec.data.synthetic.behaviour import KINDS, Events, draw_events
from polyrec.data.synthetic.film import film
from polyrec.data.synthetic.latents import Latents, Reals, draw_latents
from polyrec.data.synthetic.picture import draw_cover
from polyrec.data.synthetic.settings import MODALITIES, Studio
from polyrec.data.synthetic.sound import compose, encode_clip
from polyrec.data.synthetic.words import write_texts
from polyrec.types import Progress, silent

DAMAGE = ("truncated", "garbage", "empty", "wrong type")


@dataclass(frozen=True)
class Truth:
    """What a world was made from; also in its folder truth/."""

    latents: Latents
    events: Events
    strikes: Sequence[Reals]  # of each item's video, s; empty without one
    damaged: Mapping[str, str]  # file -> how


def make_world(folder: Path, studio: Studio | None = None, *, progress: Progress = silent) -> Truth:
    """Write items, media, users and interactions into a folder, in polyrec's own layout.

    The same studio makes the same bytes. truth/truth.npz and truth/truth.json hold what was drawn.
    """
    studio = studio or Studio()
    latents = draw_latents(studio)
    for kind in (*MODALITIES[1:], "truth"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    texts = write_texts(latents, studio.seed)
    made = []
    for done, item in enumerate(
        map_ordered(lambda i: _media(folder, studio, latents, i), range(studio.items))
    ):
        made.append(item)
        progress("make the studio world", done + 1, studio.items)
    events = draw_events(studio, latents)
    _items(latents, texts, [files for files, _ in made]).write_parquet(folder / "items.parquet")
    users = [f"u{i:04d}" for i in range(studio.users)]
    pl.DataFrame({"user_id": users}).write_parquet(folder / "users.parquet")
    _interactions(events).write_parquet(folder / "interactions.parquet")
    damaged = _damage(folder, studio, [files for files, _ in made])
    truth = Truth(latents, events, [strikes for _, strikes in made], damaged)
    _keep(folder / "truth", studio, truth)
    return truth


def _media(
    folder: Path, studio: Studio, latents: Latents, item: int
) -> tuple[dict[str, str], Reals]:
    """Write the media files of one item; return them and the strikes of its video."""
    generator = np.random.default_rng([studio.seed, 4, item])
    shared, private, present = latents.shared[item], latents.private[item], latents.present[item]
    files, strikes = {}, np.zeros(0)
    png, ogg = generator.random() < 0.2, generator.random() < 0.2
    if present[1]:
        files["image"] = f"image/{item:05d}.{'png' if png else 'jpg'}"
        (folder / files["image"]).write_bytes(draw_cover(shared, private[1], generator, png=png))
    if present[2]:
        files["audio"] = f"audio/{item:05d}.{'ogg' if ogg else 'mp3'}"
        samples = compose(shared, private[2], generator)
        (folder / files["audio"]).write_bytes(encode_clip(samples, ogg=ogg))
    if present[3]:
        files["video"] = f"video/{item:05d}.mp4"
        clip, strikes = film(shared, private[3], generator)
        (folder / files["video"]).write_bytes(clip)
    return files, strikes


def _items(
    latents: Latents, texts: Sequence[tuple[str, str]], files: Sequence[Mapping[str, str]]
) -> pl.DataFrame:
    told = [
        text if has else (None, None)
        for text, has in zip(texts, latents.present[:, 0], strict=True)
    ]
    return pl.DataFrame(
        {
            "item_id": [f"i{i:04d}" for i in range(len(files))],
            "title": [title for title, _ in told],
            "description": [description for _, description in told],
            **{kind: [names.get(kind) for names in files] for kind in MODALITIES[1:]},
        },
        schema_overrides=dict.fromkeys(("title", "description", *MODALITIES[1:]), pl.String),
    )


def _interactions(events: Events) -> pl.DataFrame:
    names = np.array(KINDS)
    return pl.DataFrame(
        {
            "user_id": [f"u{user:04d}" for user in events.users],
            "item_id": [f"i{item:04d}" for item in events.items],
            "timestamp": events.times,
            "kind": names[events.kinds].tolist(),
        }
    )


def _damage(folder: Path, studio: Studio, files: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Break some media files; return which and how."""
    generator = np.random.default_rng([studio.seed, 5])
    damaged = {}
    for names in files:
        for name in names.values():
            if generator.random() >= studio.damaged:
                continue
            how = DAMAGE[int(generator.integers(len(DAMAGE)))]
            whole = (folder / name).read_bytes()
            broken = {
                "truncated": whole[: len(whole) // 3],
                "garbage": generator.bytes(len(whole)),
                "empty": b"",
                "wrong type": b"this is no picture, no sound and no film\n" * 20,
            }
            (folder / name).write_bytes(broken[how])
            damaged[name] = how
    return damaged


def _keep(folder: Path, studio: Studio, truth: Truth) -> None:
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
    told = {"studio": asdict(studio), "modalities": MODALITIES, "damaged": truth.damaged}
    (folder / "truth.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
