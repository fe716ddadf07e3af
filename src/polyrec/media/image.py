"""Decode images of any format to RGB."""

from __future__ import annotations

import io
import struct
from contextlib import suppress
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from polyrec.config import Limits
from polyrec.errors import ExtraError, MediaError
from polyrec.media.sniff import sniff
from polyrec.media.source import open_content
from polyrec.registry import load_object
from polyrec.types import Raw

Pixels = npt.NDArray[np.uint8]

_DECODER_ERRORS: tuple[type[Exception], ...] = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, struct.error, EOFError,
    ArithmeticError, AssertionError, NotImplementedError,
)  # fmt: skip
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"RIFF")
_HEIC_PLUG_IN = "pillow_heif:register_heif_opener"
_EXCLUDED = {"EPS"}  # Pillow runs another program to draw it


def open_image(raw: Raw, *, size: int, limits: Limits | None = None) -> Image.Image:
    """Return the upright RGB image, at least about `size` pixels wide; of several frames the first.

    Transparent pixels are put on white. A damaged, truncated or huge file raises `MediaError`.
    """
    allowed = limits or Limits()
    with open_content(raw, allowed) as file:
        try:
            with Image.open(file, formats=_formats()) as image:
                _check_pixels(image, allowed)
                image.draft("RGB", (size, size))  # a JPEG is decoded at a fraction of its size
                image.load()
                ImageOps.exif_transpose(image, in_place=True)
                return _rgb(image)
        except MediaError:
            raise
        except UnidentifiedImageError as error:
            file.seek(0)
            head = file.read(16)
            is_heic = sniff(head).media_type == "image/heic"
            if is_heic and "HEIF" not in _formats():
                remedy = "pip install pillow-heif (its libraries are GPL), or save it as JPEG"
                raise MediaError("a HEIC image needs the plug-in pillow-heif", remedy=remedy,
                                 status="wrong type") from error  # fmt: skip
            if is_heic or head.startswith(_SIGNATURES):
                raise MediaError("the image is damaged", received="a broken header") from error
            received = "an unknown format"
            raise MediaError("not an image", received=received, status="wrong type") from error
        except (Image.DecompressionBombError, MemoryError) as error:
            raise MediaError("the image is too large", status="too large") from error
        except _DECODER_ERRORS as error:
            status = "truncated" if "truncated" in str(error) else "damaged"
            received = str(error)[:120]
            raise MediaError("the image is damaged", received=received, status=status) from error


def load_image(raw: Raw, *, size: int, limits: Limits | None = None) -> Pixels:
    """Return (size, size, 3) RGB, stretched to the square."""
    image = open_image(raw, size=size, limits=limits)
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, reducing_gap=2.0))


def image_thumbnail(raw: Raw, *, size: int, limits: Limits | None = None) -> bytes:
    """Return a JPEG that fits into size x size pixels, the aspect kept."""
    return to_jpeg(open_image(raw, size=size, limits=limits), size=size)


def to_jpeg(image: Image.Image, *, size: int) -> bytes:
    """Return an image as a JPEG that fits into size x size pixels."""
    image.thumbnail((size, size))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


@lru_cache(maxsize=1)
def _formats() -> list[str]:
    Image.init()
    with suppress(ExtraError):
        load_object(_HEIC_PLUG_IN)()
    return [name for name in Image.ID if name not in _EXCLUDED]


def _check_pixels(image: Image.Image, limits: Limits) -> None:
    if image.width * image.height > limits.max_pixels:
        received = f"{image.width} x {image.height}"
        remedy = f"media.max_pixels allows {limits.max_pixels:,}"
        raise MediaError(
            "the image is too large", received=received, remedy=remedy, status="too large"
        )


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 or 32 bit grey: scaled to 8 bit
        values = np.asarray(image, np.float64)
        top = 65535.0 if values.max(initial=0) > 255 else 255.0
        return Image.fromarray(np.uint8(np.clip(values / top, 0, 1) * 255)).convert("RGB")
    if image.mode == "F":
        values = np.nan_to_num(np.asarray(image, np.float64), posinf=0, neginf=0)
        top = max(float(values.max(initial=0)), 1e-9)
        return Image.fromarray(np.uint8(np.clip(values / top, 0, 1) * 255)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB") if image.mode != "RGB" else image.copy()
