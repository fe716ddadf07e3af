"""Charts of the pages as SVG; the style sheet colours them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from polyrec.evaluate.pages.charts import WIDTH, svg

_HEIGHT, _MARGIN, _COLOURS = 200, 28, 6


def stacked_columns(days: Sequence[tuple[str, dict[str, int]]], *, title: str) -> str:
    """Return stacked columns, one per day, one colour per type, with a legend."""
    totals: dict[str, int] = {}
    for _, counts in days:
        for kind, count in counts.items():
            totals[kind] = totals.get(kind, 0) + count
    kinds = sorted(totals, key=lambda kind: (-totals[kind], kind))
    top = max([1, *(sum(counts.values()) for _, counts in days)])
    step = (WIDTH - 2 * _MARGIN) / max(1, len(days))
    parts = []
    for column, (day, counts) in enumerate(days):
        base = float(_HEIGHT - _MARGIN)
        for index, kind in enumerate(kinds):
            height = (_HEIGHT - 2 * _MARGIN) * counts.get(kind, 0) / top
            if height:
                base -= height
                parts.append(
                    f'<rect class="k{min(index, _COLOURS - 1)}" '
                    f'x="{_MARGIN + column * step + 1:.1f}" '
                    f'y="{base:.1f}" width="{step - 2:.1f}" height="{height:.1f}">'
                    f"<title>{escape(day)}: {counts[kind]:,} {escape(kind)}</title></rect>"
                )
    return svg("".join([*parts, _axis(days, top), _legend(kinds)]), title, height=_HEIGHT + 24)


def share_bar(shares: Sequence[tuple[str, float]]) -> str:
    """Return one bar, divided by shares that sum to 1."""
    label = ", ".join(f"{name} {share:.0%}" for name, share in shares)
    rects, left = [], 0.0
    for index, (name, share) in enumerate(shares):
        rects.append(
            f'<rect class="k{min(index, _COLOURS - 1)}" x="{left:.2f}" y="0" '
            f'width="{100 * share:.2f}" height="6"><title>{escape(name)} {share:.0%}</title></rect>'
        )
        left += 100 * share
    return (
        f'<svg class="shares" role="img" viewBox="0 0 100 6" preserveAspectRatio="none" '
        f'aria-label="{escape(label)}">{"".join(rects)}</svg>'
    )


def _axis(days: Sequence[tuple[str, dict[str, int]]], top: int) -> str:
    base = _HEIGHT - _MARGIN
    ends = [(_MARGIN, "start", days[0][0]), (WIDTH - _MARGIN, "end", days[-1][0])] if days else []
    texts = "".join(
        f'<text x="{x}" y="{base + 15}" text-anchor="{anchor}">{escape(day)}</text>'
        for x, anchor, day in ends
    )
    line = f'<line class="axis" x1="{_MARGIN}" y1="{base}" x2="{WIDTH - _MARGIN}" y2="{base}"/>'
    return f'{line}{texts}<text class="name" x="{_MARGIN}" y="{_MARGIN - 10}">{top:,} a day</text>'


def _legend(kinds: Sequence[str]) -> str:
    parts, x = [], float(_MARGIN)
    for index, kind in enumerate(kinds[:_COLOURS]):
        name = kind if index < _COLOURS - 1 or len(kinds) <= _COLOURS else "others"
        short = name if len(name) <= 14 else f"{name[:13]}…"
        parts.append(
            f'<rect class="k{index}" x="{x:.0f}" y="{_HEIGHT + 6}" width="10" height="10" rx="2"/>'
            f'<text x="{x + 14:.0f}" y="{_HEIGHT + 15}">{escape(short)}</text>'
        )
        x += 26 + 7 * len(short)
    return "".join(parts)
