"""Ask of a file whether it can be read, without keeping what is in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from polyrec.config import Limits
from polyrec.media.audio import load_audio
from polyrec.media.image import load_image, thumbnail
from polyrec.media.text import clean_text
from polyrec.media.video import load_video
from polyrec.media.video import thumbnail as video_thumbnail
from polyrec.types import Floats, Raw

_LIMIT_S = 60.0  # of sound and video that is looked at

_PROBES: Mapping[str, Callable[[Raw, Limits], object]] = {
    "text": clean_text,
    "image": lambda raw, limits: load_image(raw, size=64, limits=limits),
    "audio": lambda raw, limits: load_audio(raw, rate=8000, seconds=_LIMIT_S, limits=limits),
    "video": lambda raw, limits: load_video(raw, rate=1, size=32, seconds=_LIMIT_S, limits=limits),
}

PICTURES: Mapping[str, Callable[..., bytes]] = {"image": thumbnail, "video": video_thumbnail}
"""How content of a kind becomes a small JPEG to show."""


@dataclass
class Probe:
    """Decodes content as "text", "image", "audio" or "video" and keeps nothing.

    >>> Probe("text").prepare("words", Limits()).size
    0
    """

    kind: str

    def prepare(self, raw: Raw, limits: Limits) -> Floats:
        """Return nothing, or raise `MediaError`."""
        _PROBES[self.kind](raw, limits)
        return np.zeros(0, np.float32)


def probe(kind: str, raw: Raw) -> None:
    """Decode `raw` as a kind of content; raise `MediaError` if that fails."""
    Probe(kind).prepare(raw, Limits())
