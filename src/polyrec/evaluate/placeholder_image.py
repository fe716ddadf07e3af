"""A placeholder for the picture of an item that has none."""

from __future__ import annotations

import hashlib
from html import escape


def initials_svg(item: str, letters: str) -> str:
    """Return an SVG of up to four letters on a colour derived from the item's id."""
    hue = int.from_bytes(hashlib.sha256(item.encode()).digest()[:2]) % 360
    size = 44 if len(letters) <= 2 else 30
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 120">'
        f'<rect width="120" height="120" fill="hsl({hue} 45% 42%)"/>'
        f'<text x="60" y="{60 + 0.36 * size:.0f}" font-family="sans-serif" font-size="{size}" '
        f'fill="white" text-anchor="middle">{escape(letters)}</text></svg>'
    )
