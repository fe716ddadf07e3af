"""Cover images: colours and shapes from the shared factors, mood from the private ones."""

from __future__ import annotations

import colorsys
import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from polyrec.data.synthetic.latents import Reals

SIZE = 160
_SCALE = 2  # drawn larger, then reduced: smooth edges
HUES = (0.58, 0.36, 0.83, 0.11, 0.68, 0.04, 0.52, 0.93)
_SATURATION = (0.65, 0.5, 0.85, 0.6, 0.7, 0.75, 0.22, 0.9)


def render_cover(
    shared: Reals, private: Reals, generator: np.random.Generator, *, png: bool
) -> bytes:
    """Return a 160 x 160 JPEG or PNG."""
    side = SIZE * _SCALE
    order = np.argsort(-shared)
    image = _ground(shared, private, side)
    draw = ImageDraw.Draw(image, "RGBA")
    for rank, theme in enumerate(order[:2]):
        if shared[theme] > 0.2:
            colour = theme_colour(
                int(theme), 0.45 + 0.35 * (rank == 0), private[1], 200 - 60 * rank
            )
            _SHAPES[int(theme)](draw, side, colour, generator)
    image = image.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    if private[3] > 0.8:
        image = image.filter(ImageFilter.GaussianBlur(1.5))
    buffer = io.BytesIO()
    image.save(buffer, "PNG") if png else image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def theme_colour(theme: int, value: float, warmth: float, alpha: int) -> tuple[int, int, int, int]:
    """Return a theme's colour (RGBA, 0..255) at a brightness, its hue shifted by warmth."""
    hue = (HUES[theme] + 0.02 * float(np.clip(warmth, -2, 2))) % 1
    rgb = colorsys.hsv_to_rgb(hue, _SATURATION[theme], min(1.0, value + 0.2))
    return (int(rgb[0] * 255), int(rgb[1] * 255), int(rgb[2] * 255), alpha)


def _ground(shared: Reals, private: Reals, side: int) -> Image.Image:
    """Return a gradient between the two strongest themes' colours, light or dark."""
    first, second = np.argsort(-shared)[:2]
    light = 0.55 + 0.15 * float(np.tanh(private[0]))
    top = np.array(theme_colour(int(first), light - 0.3, private[1], 255)[:3], float)
    end = np.array(theme_colour(int(second), light - 0.1, private[1], 255)[:3], float)
    share = float(shared[second] / (shared[first] + shared[second]))
    ramp = np.linspace(0, 1, side)[:, None, None] * (0.3 + 1.4 * share)
    rows = np.clip(top * (1 - ramp) + end * ramp, 0, 255).astype(np.uint8)
    return Image.fromarray(np.broadcast_to(rows, (side, side, 3)).copy())


def _waves(
    draw: ImageDraw.ImageDraw, side: int, colour: tuple[int, ...], g: np.random.Generator
) -> None:
    phase, x = g.uniform(0, 6), np.linspace(0, side, 60)
    for level in np.linspace(0.5, 0.9, 4):
        y = side * level + 10 * np.sin(x / side * 12 + phase + 9 * level)
        edge = list(zip(x.tolist(), y.tolist(), strict=True))
        draw.polygon([*edge, (side, side), (0, side)], fill=colour)


def _trees(
    draw: ImageDraw.ImageDraw, side: int, colour: tuple[int, ...], g: np.random.Generator
) -> None:
    for x in np.sort(g.uniform(0, side, 9)):
        height, width = g.uniform(0.3, 0.65) * side, side * 0.09
        draw.polygon([(x - width, side), (x, side - height), (x + width, side)], fill=colour)


def _towers(
    draw: ImageDraw.ImageDraw, side: int, colour: tuple[int, ...], g: np.random.Generator
) -> None:
    x = 0.0
    while x < side:
        width, top = g.uniform(20, 48), g.uniform(0.25, 0.75) * side
        draw.rectangle([x, top, x + width - 5, side], fill=colour)
        for y in np.arange(top + 10, side - 10, 22):
            draw.rectangle([x + 6, y, x + 11, y + 8], fill=(255, 235, 150, 210))
        x += width


def _dunes(
    draw: ImageDraw.ImageDraw, side: int, colour: tuple[int, ...], g: np.random.Generator
) -> None:
    sun = g.uniform(0.2, 0.75) * side
    draw.ellipse([sun, 30, sun + 70, 100], fill=(255, 225, 140, 230))
    for level in (0.55, 0.7):
        left = g.uniform(-0.6, 0.1) * side
        draw.ellipse([left, level * side, left + 1.6 * side, 2 * side], fill=colour)


def _stars(
    draw: ImageDraw.ImageDraw, side: int, colour: tuple[int, ...], g: np.random.Generator
) -> None:
    for x, y, r in zip(*g.uniform(0, side, (2, 70)), g.uniform(1, 4, 70), strict=True):
        draw.ellipse([x - r, y - r, x + r, y + r], fill=(255, 255, 240, 220))
    x, y, r = g.uniform(0.3, 0.7) * side, g.uniform(0.3, 0.7) * side, 0.17 * side
    draw.ellipse([x - r, y - r, x + r, y + r], fill=colour)
    draw.arc([x - 2 * r, y - r / 2, x + 2 * r, y + r / 2], 0, 360, fill=colour, width=6)


def _plates(
    draw: ImageDraw.ImageDraw, side: int, colour: tuple[int, ...], g: np.random.Generator
) -> None:
    for _ in range(4):
        x, y, r = (
            g.uniform(0.15, 0.85) * side,
            g.uniform(0.15, 0.85) * side,
            g.uniform(0.1, 0.2) * side,
        )
        draw.ellipse([x - r, y - r, x + r, y + r], fill=(250, 245, 235, 230))
        draw.ellipse([x - 0.6 * r, y - 0.6 * r, x + 0.6 * r, y + 0.6 * r], fill=colour)


def _flakes(
    draw: ImageDraw.ImageDraw, side: int, colour: tuple[int, ...], g: np.random.Generator
) -> None:
    draw.polygon([(0, side), (0.3 * side, 0.45 * side), (0.55 * side, 0.75 * side),
                  (0.75 * side, 0.5 * side), (side, side)], fill=colour)  # fmt: skip
    for _ in range(16):
        x, y, r = g.uniform(0, side), g.uniform(0, side), g.uniform(5, 13)
        for angle in np.arange(3) * np.pi / 3:
            dx, dy = r * np.cos(angle), r * np.sin(angle)
            draw.line([x - dx, y - dy, x + dx, y + dy], fill=(255, 255, 255, 230), width=3)


def _flags(
    draw: ImageDraw.ImageDraw, side: int, colour: tuple[int, ...], g: np.random.Generator
) -> None:
    for line in range(4):
        y = side * (0.12 + 0.23 * line)
        for i, x in enumerate(np.arange(-10, side, 34) + g.uniform(0, 20)):
            paint = (int(80 + 170 * g.random()), int(60 + 180 * g.random()), 90, 235)
            fill = colour if i % 2 else paint
            draw.polygon([(x, y), (x + 28, y), (x + 14, y + 36)], fill=fill)


_SHAPES = (_waves, _trees, _towers, _dunes, _stars, _plates, _flakes, _flags)
