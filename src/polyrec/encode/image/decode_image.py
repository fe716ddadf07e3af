"""Decode pictures and films to what image models take, without loading a model."""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np
from PIL import Image

from polyrec.config import Limits
from polyrec.media.image import Pixels, open_image
from polyrec.media.source import reopenable
from polyrec.media.video import load_video, pick_frames, read_video
from polyrec.types import Raw

_LOOKED_AT = 4  # times as many frames are decoded as are picked


@dataclass
class Picture:
    """Decodes an image to (crop, crop, 3): its shorter edge at `edge` pixels, then the centre.

    With `edge` 0 the image is stretched to the square.

    >>> Picture(crop=8, edge=0).shape(Image.new("RGB", (20, 10))).shape
    (8, 8, 3)
    """

    crop: int = 224
    edge: int = 256
    resample: int = Image.Resampling.BICUBIC.value

    def prepare(self, raw: Raw, limits: Limits) -> Pixels:
        """Return (crop, crop, 3) RGB."""
        return self.shape(open_image(raw, size=self.edge or self.crop, limits=limits))

    def shape(self, image: Image.Image) -> Pixels:
        """Return (crop, crop, 3) of an RGB image."""
        method = Image.Resampling(self.resample)
        if not self.edge:
            return np.asarray(image.resize((self.crop, self.crop), method))
        shorter = min(image.size)
        # long edges are cut down as the models' own processors do
        size = (
            (self.edge, int(self.edge * image.height / shorter))
            if image.width == shorter
            else (int(self.edge * image.width / shorter), self.edge)
        )
        scaled = image.resize(size, method) if size != image.size else image
        left, top = (scaled.width - self.crop) // 2, (scaled.height - self.crop) // 2
        return np.asarray(scaled.crop((left, top, left + self.crop, top + self.crop)))


@dataclass
class Frames:
    """Decodes a video to (t, crop, crop, 3): frames spread evenly, or one per shot first."""

    crop: int = 224
    edge: int = 224
    resample: int = Image.Resampling.BICUBIC.value
    frames: int = 8
    seconds: float = 30.0
    by_shot: bool = False

    def prepare(self, raw: Raw, limits: Limits) -> Pixels:
        """Return (t, crop, crop, 3) RGB."""
        picture = Picture(self.crop, self.edge, self.resample)

        def shape(frame: av.VideoFrame) -> Pixels:
            return picture.shape(Image.fromarray(frame.to_ndarray(format="rgb24")))

        content = reopenable(raw, limits)
        length = (
            float(
                load_video(content, rate=1, size=8, seconds=self.seconds, limits=limits).times[-1]
            )
            + 1
        )
        looked = self.frames * (_LOOKED_AT if self.by_shot else 1)
        video = read_video(
            content, shape, rate=looked / length, seconds=self.seconds, limits=limits
        )
        return pick_frames(video, self.frames, by_shot=self.by_shot).frames
