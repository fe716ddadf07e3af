"""Ask of a file whether it can be read, without keeping what is in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from polyrec.media.audio import load_audio
from polyrec.media.image import load_image, thumbnail
from polyrec.media.text import clean_text
from polyrec.media.video import load_video
from polyrec.media.video import thumbnail as video_thumbnail

_LIMIT_S = 60.0  # of sound and video that is looked at

_PROBES: Mapping[str, Callable[[Path | bytes], object]] = {
    "text": clean_text,
    "image": lambda raw: load_image(raw, size=64),
    "audio": lambda raw: load_audio(raw, rate=8000, seconds=_LIMIT_S),
    "video": lambda raw: load_video(raw, rate=1, size=32, seconds=_LIMIT_S),
}

PICTURES: Mapping[str, Callable[..., bytes]] = {"image": thumbnail, "video": video_thumbnail}
"""How content of a kind becomes a small JPEG to show."""


def probe(kind: str, raw: Path | bytes) -> None:
    """Decode `raw` as "text", "image", "audio" or "video"; raise `MediaError` if that fails."""
    _PROBES[kind](raw)
