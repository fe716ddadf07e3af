"""Decode images to RGB, whatever form they come in."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from polyrec.errors import MediaError

MOST_PIXELS = 64_000_000  # 8,000 x 8,000: far above any cover, far below what fills memory
_BROKEN = (OSError, SyntaxError, ValueError, struct.error, EOFError, Image.DecompressionBombError)


def open_image(raw: Path | bytes, *, size: int) -> Image.Image:
    """Return the upright RGB image, at least about `size` pixels wide; the first frame of many.

    Transparency is laid on white. A damaged, truncated or huge file raises `MediaError`.
    """
    try:
        with Image.open(io.BytesIO(raw) if isinstance(raw, bytes) else raw) as image:
            if image.width * image.height > MOST_PIXELS:
                extent = f"{image.width} x {image.height}"
                remedy = f"at most {MOST_PIXELS:,} pixels are read"
                raise MediaError("too large an image", received=extent, remedy=remedy)
            image.draft("RGB", (size, size))  # a JPEG is decoded at a fraction of its size
            image.load()
            return _rgb(ImageOps.exif_transpose(image))
    except _BROKEN as error:
        raise MediaError("not a whole image", received=str(error)[:120]) from error


def load_image(raw: Path | bytes, *, size: int) -> npt.NDArray[np.uint8]:
    """Return (size, size, 3) RGB, stretched to the square."""
    image = open_image(raw, size=size)
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, reducing_gap=2.0))


def thumbnail(raw: Path | bytes, *, size: int) -> bytes:
    """Return a JPEG that fits into size x size pixels, the aspect kept."""
    return jpeg(open_image(raw, size=size), size=size)


def jpeg(image: Image.Image, *, size: int) -> bytes:
    """Return an image as a JPEG that fits into size x size pixels."""
    image.thumbnail((size, size))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 or 32 bit grey: bring the range to 8 bit
        values = np.asarray(image, np.float64)
        top = 65535.0 if values.max(initial=0) > 255 else 255.0
        return Image.fromarray(np.uint8(np.clip(values / top, 0, 1) * 255)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")
