"""Colour, gradient and texture statistics of an image: no model, no download."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from polyrec.config import Limits
from polyrec.contracts import part
from polyrec.encode.base import PerItemEncoder
from polyrec.index.vectors import unit_vector
from polyrec.media.image import load_image
from polyrec.types import Floats, Raw

_CELLS = 4  # per side: the image is divided into 4 x 4 cells
_HUES, _LEVELS, _ANGLES, _PATTERNS = 12, 6, 8, 10
DESCRIPTOR_WIDTH = 6 * _CELLS**2 + _HUES + 2 * _LEVELS + _ANGLES * _CELLS**2 + 2 * _PATTERNS


@part
class Descriptor(PerItemEncoder):
    """Five blocks, each of length 1 so that all count alike.

    Mean and deviation of lightness and two opponent colours in 4 x 4 cells; histograms of hue
    (weighted by chroma), saturation and value; histograms of oriented gradients in 4 x 4 cells
    (Dalal & Triggs, CVPR 2005); uniform local binary patterns at two scales (Ojala et al.,
    PAMI 2002).

    >>> Descriptor().width
    268
    """

    size: int = 96  # pixels per side to which an image is scaled
    modality: str = "image"

    @property
    def width(self) -> int:
        """Return d."""
        return DESCRIPTOR_WIDTH

    def encode_one(self, raw: Raw, limits: Limits) -> Floats:
        """Return the (268,) row of one image."""
        return describe_pixels(load_image(raw, size=self.size, limits=limits))


def describe_pixels(pixels: npt.NDArray[np.uint8]) -> Floats:
    """Return the (268,) description of (s, s, 3) RGB pixels, s a multiple of 4."""
    rgb = np.asarray(pixels, np.float32) / np.float32(255)
    red, green, blue = np.moveaxis(rgb, 2, 0)
    light = (red + green + blue) / 3
    colours = np.stack([light, red - green, (red + green) / 2 - blue])
    cells = _cells(colours)
    layout = np.concatenate([cells.mean(axis=-1).ravel(), cells.std(axis=-1).ravel()])
    blocks = [layout, _palette(rgb), _gradients(light)]
    blocks += [_patterns(light), _patterns(light[::2, ::2])]
    return np.concatenate([unit_vector(block) for block in blocks])


def _cells(planes: Floats) -> Floats:
    """Return (planes, 16, pixels) of (planes, s, s)."""
    count, side = len(planes), planes.shape[1] // _CELLS
    cells = planes.reshape(count, _CELLS, side, _CELLS, side).transpose(0, 1, 3, 2, 4)
    return cells.reshape(count, _CELLS**2, side**2)


def _palette(rgb: Floats) -> Floats:
    value, low = rgb.max(axis=2), rgb.min(axis=2)
    chroma = value - low
    saturation = np.asarray(chroma / np.maximum(value, 1e-6), np.float32)
    safe = np.maximum(chroma, 1e-6)
    red, green, blue = np.moveaxis(rgb, 2, 0)
    hue = np.where(value == red, (green - blue) / safe % 6, 0)
    hue = np.where((value == green) & (value != red), (blue - red) / safe + 2, hue)
    hue = np.where(
        (value == blue) & (value != red) & (value != green), (red - green) / safe + 4, hue
    )
    hues = _histogram(np.asarray(hue / 6, np.float32), _HUES, weights=chroma)
    levels = [_histogram(saturation, _LEVELS), _histogram(value, _LEVELS)]
    return np.asarray(np.sqrt(np.concatenate([hues, *levels])))  # Hellinger: small bins count, too


def _histogram(values: Floats, bins: int, weights: Floats | None = None) -> Floats:
    codes = np.clip((values * bins).astype(np.int64), 0, bins - 1).ravel()
    flat = None if weights is None else weights.ravel()
    counts: npt.NDArray[Any] = np.bincount(codes, weights=flat, minlength=bins)
    return np.asarray(counts / values.size, np.float32)


def _gradients(light: Floats) -> Floats:
    down, right = np.gradient(light)
    strength = np.hypot(down, right)
    angle = np.arctan2(down, right) % np.pi / np.pi
    bins = np.minimum((angle * _ANGLES).astype(np.int64), _ANGLES - 1)
    planes = np.where(bins == np.arange(_ANGLES)[:, None, None], strength, 0).astype(np.float32)
    return np.asarray(np.sqrt(_cells(planes).mean(axis=-1)).T.ravel())


def _patterns(light: Floats) -> Floats:
    """Return the histogram of rotation-invariant uniform patterns of 8 neighbours."""
    centre = light[1:-1, 1:-1]
    around = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    height, width = centre.shape
    # differences below 0.01 are compression noise, not texture
    bits = np.stack([light[y : y + height, x : x + width] > centre + 0.01 for y, x in around])
    changes = (bits != np.roll(bits, 1, axis=0)).sum(axis=0)
    codes = np.where(changes <= 2, bits.sum(axis=0), _PATTERNS - 1)
    counts = np.bincount(codes.ravel(), minlength=_PATTERNS) / codes.size
    return np.sqrt(counts).astype(np.float32)
