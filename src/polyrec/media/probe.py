"""Ask of a file whether it can be read, without keeping what is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from polyrec.compute.sandbox import Sandbox
from polyrec.compute.workers import map_ordered
from polyrec.config import Limits
from polyrec.errors import MediaError
from polyrec.media.audio import load_audio
from polyrec.media.image import load_image, thumbnail
from polyrec.media.text import clean_text
from polyrec.media.video import load_video
from polyrec.media.video import thumbnail as video_thumbnail
from polyrec.types import Floats, Problem, Raw

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


@dataclass
class Thumbnail:
    """Draws content as a small JPEG, in the place that decodes what comes from outside.

    >>> Thumbnail("image", 64).size
    64
    """

    kind: str  # one of PICTURES
    size: int  # pixels, of the longer side

    def prepare(self, raw: Raw, limits: Limits) -> npt.NDArray[np.uint8]:
        """Return the JPEG's bytes, or raise `MediaError`."""
        drawn = PICTURES[self.kind](raw, size=self.size, limits=limits)
        return np.frombuffer(drawn, np.uint8)


def thumbnail_of(kind: str, raw: Raw, *, size: int, sandbox: Sandbox) -> bytes:
    """Return a small JPEG of a content, drawn in a process of its own; raise `MediaError`."""
    address = f"{Thumbnail.__module__}:{Thumbnail.__qualname__}"
    return sandbox.prepare(address, {"kind": kind, "size": size}, raw).tobytes()


def probe(kind: str, raw: Raw) -> None:
    """Decode `raw` as a kind of content; raise `MediaError` if that fails."""
    Probe(kind).prepare(raw, Limits())


def probed(
    kind: str, contents: Sequence[Raw | None], *, limits: Limits, workers: int
) -> Iterator[Problem | None]:
    """Yield what is wrong with each file, decoded in processes of their own.

    A file that is not there is not looked at.
    """
    address = f"{Probe.__module__}:{Probe.__qualname__}"

    def look(raw: Raw | None) -> Problem | None:
        try:
            if isinstance(raw, Path):
                sandbox.prepare(address, {"kind": kind}, raw)
        except MediaError as error:
            return None if error.status == "missing" else Problem(error.status, str(error))
        return None

    with Sandbox(limits) as sandbox:
        yield from map_ordered(look, contents, workers=workers)
