"""Check whether content can be decoded, and make thumbnails of it."""

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
from polyrec.media.image import image_thumbnail, load_image
from polyrec.media.text import clean_text
from polyrec.media.video import load_video, video_thumbnail
from polyrec.types import Floats, Problem, Raw

_LIMIT_S = 60.0  # of sound and video that is decoded

_DECODERS: Mapping[str, Callable[[Raw, Limits], object]] = {
    "text": clean_text,
    "image": lambda raw, limits: load_image(raw, size=64, limits=limits),
    "audio": lambda raw, limits: load_audio(raw, rate=8000, seconds=_LIMIT_S, limits=limits),
    "video": lambda raw, limits: load_video(raw, rate=1, size=32, seconds=_LIMIT_S, limits=limits),
}

THUMBNAILS: Mapping[str, Callable[..., bytes]] = {
    "image": image_thumbnail,
    "video": video_thumbnail,
}
"""Modality -> function that makes a small JPEG of such content."""


@dataclass
class Probe:
    """Decodes content of a modality and keeps nothing.

    >>> Probe("text").prepare("words", Limits()).size
    0
    """

    modality: str  # "text", "image", "audio" or "video"

    def prepare(self, raw: Raw, limits: Limits) -> Floats:
        """Return an empty array, or raise `MediaError`."""
        _DECODERS[self.modality](raw, limits)
        return np.zeros(0, np.float32)


@dataclass
class Thumbnail:
    """Makes a small JPEG of content.

    >>> Thumbnail("image", 64).size
    64
    """

    modality: str  # a key of THUMBNAILS
    size: int  # pixels of the longer side

    def prepare(self, raw: Raw, limits: Limits) -> npt.NDArray[np.uint8]:
        """Return the JPEG's bytes, or raise `MediaError`."""
        jpeg = THUMBNAILS[self.modality](raw, size=self.size, limits=limits)
        return np.frombuffer(jpeg, np.uint8)


def make_thumbnail(modality: str, raw: Raw, *, size: int, sandbox: Sandbox) -> bytes:
    """Return a small JPEG of content, made in a decoding process; raise `MediaError`."""
    settings = {"modality": modality, "size": size}
    return sandbox.prepare(_address(Thumbnail), settings, raw).tobytes()


def probe(modality: str, raw: Raw) -> None:
    """Decode content of a modality in this process; raise `MediaError` if that fails."""
    Probe(modality).prepare(raw, Limits())


def iter_problems(
    modality: str, contents: Sequence[Raw | None], *, limits: Limits, workers: int
) -> Iterator[Problem | None]:
    """Yield the problem with each file, None for those that decode; in decoding processes.

    Contents that are no files, and files that do not exist, are skipped.
    """

    def check(raw: Raw | None) -> Problem | None:
        try:
            if isinstance(raw, Path):
                sandbox.prepare(_address(Probe), {"modality": modality}, raw)
        except MediaError as error:
            return None if error.status == "missing" else Problem(error.status, str(error))
        return None

    with Sandbox(limits) as sandbox:
        yield from map_ordered(check, contents, workers=workers)


def _address(preparer: type) -> str:
    return f"{preparer.__module__}:{preparer.__qualname__}"
