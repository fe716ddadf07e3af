"""Small charts as SVG, coloured by the page's own style sheet, and the pages that show them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, PackageLoader

WIDTH, _HEIGHT, _EDGE = 520, 240, 34


def write_page(template: str, values: Mapping[str, Any], path: Path) -> None:
    """Write a template of this room as a page."""
    loader = PackageLoader("polyrec.evaluate")
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    page = environment.get_template(template).render(values)
    path.write_text(page, encoding="utf-8")


def bar_chart(rows: Sequence[tuple[str, float]], *, title: str, unit: str = "") -> str:
    """Return horizontal bars with their values, one per (name, value)."""
    if not rows:
        return ""
    longest = max((abs(value) for _, value in rows), default=0) or 1
    label = 8 * min(28, max(len(name) for name, _ in rows)) + 12
    room = WIDTH - label - 80
    parts = []
    for i, (name, value) in enumerate(rows):
        y, length = 26 * i, max(1.0, room * abs(value) / longest)
        short = name if len(name) <= 28 else f"{name[:27]}…"
        parts.append(
            f'<text class="name" x="{label - 10}" y="{y + 17}" text-anchor="end">'
            f"{escape(short)}</text>"
            f'<rect class="bar" x="{label}" y="{y + 4}" width="{length:.1f}" height="18" rx="4">'
            f"<title>{escape(name)}: {value:.4g}{escape(unit)}</title></rect>"
            f'<text x="{label + length + 8:.1f}" y="{y + 17}">{value:.4g}{escape(unit)}</text>'
        )
    return svg("".join(parts), title, height=26 * len(rows) + 4)


def histogram(values: npt.NDArray[np.float64], *, title: str, label: str) -> str:
    """Return the histogram of values between 0 and 1, in 20 bins."""
    counts, _ = np.histogram(np.clip(values, 0, 1), bins=20, range=(0, 1))
    top = max(1, int(counts.max()))
    step = (WIDTH - 2 * _EDGE) / 20
    parts = []
    for i, count in enumerate(counts):
        height = (_HEIGHT - 2 * _EDGE) * count / top
        x, y = _EDGE + i * step, _HEIGHT - _EDGE - height
        parts.append(
            f'<rect class="bar" x="{x + 1:.1f}" y="{y:.1f}" width="{step - 2:.1f}" '
            f'height="{height:.1f}" rx="2"><title>{count} of {len(values)}</title></rect>'
        )
    ticks = [(0.0, "0"), (0.5, ".5"), (1.0, "1")]
    return svg("".join(parts) + _axis(ticks, label) + _top(f"{top} users"), title)


def lorenz_curve(counts: npt.NDArray[np.int64], *, title: str, label: str) -> str:
    """Return the Lorenz curve of how often items are recommended, least recommended first."""
    ordered = np.sort(counts)
    total = max(1, int(ordered.sum()))
    share = np.concatenate([[0], np.cumsum(ordered) / total])
    items = np.linspace(0, 1, len(share))
    drawn = np.unique(np.linspace(0, len(share) - 1, 120).astype(int))
    points = " ".join(f"{_x(items[i]):.1f},{_y(share[i]):.1f}" for i in drawn)
    even = f'<line class="even" x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}"/>'
    line = f'<polyline class="line" points="{points}"/>'
    ticks = [(0.0, "0"), (0.5, "half"), (1.0, "all items")]
    return svg(even + line + _axis(ticks, label) + _top("all recommendations"), title)


def line_chart(values: Sequence[float], *, title: str, label: str) -> str:
    """Return values over their order, from the lowest at the bottom to the highest at the top."""
    low, high = min(values), max(values)
    span = (high - low) or 1
    last = max(1, len(values) - 1)
    points = " ".join(
        f"{_x(i / last):.1f},{_y((value - low) / span):.1f}" for i, value in enumerate(values)
    )
    line = f'<polyline class="line" points="{points}"/>'
    ticks = [(0.0, "1"), (1.0, str(len(values)))]
    return svg(line + _axis(ticks, label) + _top(f"{low:.4f} to {high:.4f}"), title)


def _x(share: float) -> float:
    return _EDGE + (WIDTH - 2 * _EDGE) * float(share)


def _y(share: float) -> float:
    return _HEIGHT - _EDGE - (_HEIGHT - 2 * _EDGE) * float(share)


def _axis(ticks: Sequence[tuple[float, str]], label: str) -> str:
    base = _y(0)
    texts = "".join(
        f'<text x="{_x(position)}" y="{base + 15}" text-anchor="middle">{escape(name)}</text>'
        for position, name in ticks
    )
    line = f'<line class="axis" x1="{_x(0)}" y1="{base}" x2="{_x(1)}" y2="{base}"/>'
    middle = f'<text class="name" x="{WIDTH / 2}" y="{base + 31}" text-anchor="middle">'
    return f"{line}{texts}{middle}{escape(label)}</text>"


def _top(text: str) -> str:
    return f'<text class="name" x="{_EDGE}" y="{_EDGE - 10}">{escape(text)}</text>'


def svg(body: str, title: str, *, height: float = _HEIGHT) -> str:
    """Return a drawing `WIDTH` units wide, with a title for screen readers."""
    return (
        f'<svg role="img" viewBox="0 0 {WIDTH} {height:.0f}" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{body}</svg>"
    )


def interval_chart(rows: Sequence[tuple[str, float, float, float, bool]], *, title: str) -> str:
    """Return differences with their intervals, one per (name, value, low, high, significant).

    The line in the middle is 0; significant differences are filled.
    """
    reach = max((abs(end) for _, _, low, high, _ in rows for end in (low, high)), default=0) or 1
    label, room = 250, WIDTH - 250 - 80
    zero = label + room / 2
    parts = [f'<line class="axis" x1="{zero}" y1="0" x2="{zero}" y2="{26 * len(rows)}"/>']
    for i, (name, value, low, high, significant) in enumerate(rows):
        y = 26 * i + 13
        left, middle, right = (zero + room / 2 * end / reach for end in (low, value, high))
        short = name if len(name) <= 34 else f"{name[:33]}…"
        parts.append(
            f'<text class="name" x="{label - 10}" y="{y + 4}" text-anchor="end">'
            f"{escape(short)}</text>"
            f'<line class="line" x1="{left:.1f}" y1="{y}" x2="{right:.1f}" y2="{y}"/>'
            f'<circle class="{"bar" if significant else "open"}" cx="{middle:.1f}" cy="{y}" r="5">'
            f"<title>{escape(name)}: {value:+.4f} ({low:+.4f} to {high:+.4f})</title></circle>"
            f'<text x="{label + room + 10}" y="{y + 4}">{value:+.4f}</text>'
        )
    return svg("".join(parts), title, height=26 * len(rows) + 4)


def initials_svg(item: str, letters: str) -> str:
    """Return a placeholder for an item without a picture: up to four letters on its own colour."""
    hue = int.from_bytes(hashlib.sha256(item.encode()).digest()[:2]) % 360
    size = 44 if len(letters) <= 2 else 30
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 120">'
        f'<rect width="120" height="120" fill="hsl({hue} 45% 42%)"/>'
        f'<text x="60" y="{60 + 0.36 * size:.0f}" font-family="sans-serif" font-size="{size}" '
        f'fill="white" text-anchor="middle">{escape(letters)}</text></svg>'
    )
