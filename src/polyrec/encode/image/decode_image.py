"""Decode images as image models expect them, without loading a model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from polyrec.config import Limits
from polyrec.media.image import Pixels, open_image
from polyrec.types import Raw


@dataclass
class ImageDecoder:
    """Decodes an image to (crop, crop, 3): its shorter edge at `edge` pixels, then the centre.

    With `edge` 0 the image is stretched to the square.

    >>> ImageDecoder(crop=8, edge=0).resize(Image.new("RGB", (20, 10))).shape
    (8, 8, 3)
    """

    crop: int = 224
    edge: int = 256
    resample: int = Image.Resampling.BICUBIC.value

    def prepare(self, raw: Raw, limits: Limits) -> Pixels:
        """Return (crop, crop, 3) RGB."""
        return self.resize(open_image(raw, size=self.edge or self.crop, limits=limits))

    def resize(self, image: Image.Image) -> Pixels:
        """Return (crop, crop, 3) of an RGB image."""
        method = Image.Resampling(self.resample)
        if not self.edge:
            return np.asarray(image.resize((self.crop, self.crop), method))
        shorter = min(image.size)
        # the longer edge is rounded down, as the models' own processors do
        size = (
            (self.edge, int(self.edge * image.height / shorter))
            if image.width == shorter
            else (int(self.edge * image.width / shorter), self.edge)
        )
        scaled = image.resize(size, method) if size != image.size else image
        left, top = (scaled.width - self.crop) // 2, (scaled.height - self.crop) // 2
        return np.asarray(scaled.crop((left, top, left + self.crop, top + self.crop)))
